package import CommandLineKit
import SettingsReading

extension Topology {
  /// Changes numbers of nodes as `--nodes` says: `3` for all services, `cart=3` for one.
  ///
  /// Whether the ports still suffice is for ``portProblems()``.
  ///
  /// - Throws: ``ProgramError`` with status `usage` for anything else.
  package mutating func scale(_ text: String) throws(ProgramError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let last = parts.last, let count = Int(last), (1...Self.maximumNodes).contains(count)
    else {
      throw ProgramError(
        "--nodes is '\(text)'; write a number from 1 to \(Self.maximumNodes), or SERVICE=NUMBER",
        status: .usage)
    }
    guard parts.count == 2 else {
      for index in services.indices { services[index].nodes = count }
      return
    }
    let name = String(parts[0])
    guard let index = services.firstIndex(where: { $0.name == name }) else {
      let names = services.map(\.name)
      throw ProgramError(
        "--nodes names the service '\(name)'; \(file) has \(names.joined(separator: ", "))",
        hint: nearest(to: name, among: names).map { "--nodes \($0)=\(count)" }, status: .usage)
    }
    services[index].nodes = count
  }
}
