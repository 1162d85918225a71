package import CommandLineKit
import SettingsReading

extension RunState {
  /// What is told when a topology has become ready: addresses, and commands to try next.
  ///
  /// - Parameters:
  ///   - time: how long the start took.
  ///   - isDetached: whether the supervisor runs in the background.
  package func summary(after time: Duration, isDetached: Bool, console: Console) -> String {
    var lines = [
      console.styledOutput("\(name) is ready", .green, .bold)
        + " (\(nodes.count) \(nodes.count == 1 ? "node" : "nodes"), "
        + "\(Double(Int(time.secondsAsDouble * 10)) / 10) s)",
      "",
    ]
    let rows = nodes.map {
      [$0.name, $0.publicAddress ?? "-", $0.managementAddress ?? "-"]
    }
    lines += textTable(header: ["NODE", "PUBLIC", "MANAGEMENT"], rows: rows).map { "  \($0)" }
    lines.append("")
    if let node = nodes.first, let publicAddress = node.publicAddress {
      let address = (node.usesTLS == true ? "https://" : "") + publicAddress
      lines.append("try   cs-send -s \(address) SERVICE/METHOD '{...}'")
      lines.append("      cs-tail -s \(address) 'cs.evt.\(node.service ?? "*").>'")
    }
    if !adminAddresses.isEmpty {
      lines.append("admin cs-admin status --coordinator \(adminAddresses.joined(separator: ","))")
    }
    if isDetached {
      lines.append("logs  cs-up logs -f --data \(data)")
      lines.append("stop  cs-up down --data \(data)")
    } else {
      lines.append("stop  Ctrl-C")
    }
    return lines.joined(separator: "\n")
  }

  /// The table of `cs-up ps`.
  package func table(console: Console) -> String {
    let rows = processes.map { process in
      [
        process.name, process.role, process.condition,
        process.pid.map(String.init) ?? "-",
        String(process.restarts), process.publicAddress ?? "-", process.managementAddress ?? "-",
      ]
    }
    return textTable(
      header: ["NAME", "ROLE", "STATE", "PID", "RESTARTS", "PUBLIC", "MANAGEMENT"], rows: rows
    ).joined(separator: "\n")
  }
}

extension RunState.Process {
  /// The state, with what explains it.
  fileprivate var condition: String {
    if isCutOff == true { return "\(state), cut off" }
    guard let waitsFor, !waitsFor.isEmpty else { return state }
    return "\(state) for \(waitsFor.joined(separator: ", "))"
  }
}

/// Lines with columns of equal width, two spaces apart.
package func textTable(header: [String], rows: [[String]]) -> [String] {
  let widths = header.indices.map { column in
    ([header] + rows).map { $0[column].count }.max() ?? 0
  }
  return ([header] + rows).map { row in
    var line = ""
    for (column, cell) in row.enumerated() {
      line += cell
      let isLast = column == row.count - 1
      if !isLast { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
    }
    return line
  }
}
