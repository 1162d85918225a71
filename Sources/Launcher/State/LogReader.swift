package import CommandLineKit
import Glibc
import SettingsReading

/// Shows the logs of a data folder, of a run that goes on or has ended.
package struct LogReader {
  package struct Line: Hashable, Sendable {
    package let process: String
    package let text: String
  }

  private let layout: RunLayout
  private let names: [String]
  private var followers: [LogFollower]

  /// - Parameter names: processes, in the order to show; none means all.
  /// - Throws: ``ProgramError`` with status `notFound` when there are no logs, or none of a name.
  package init(layout: RunLayout, names: [String]) throws(ProgramError) {
    let known = Self.logs(in: layout)
    guard !known.isEmpty else {
      throw ProgramError(
        "there are no logs in \(layout.logs)", hint: "cs-up TOPOLOGY.yaml", status: .notFound)
    }
    for name in names where !known.contains(name) {
      throw ProgramError(
        "'\(name)' has no log; there are \(known.joined(separator: ", "))",
        hint: nearest(to: name, among: known).map { "cs-up logs --data \(layout.data) \($0)" },
        status: .notFound)
    }
    self.layout = layout
    self.names = names.isEmpty ? known : names
    followers = self.names.map { LogFollower(path: layout.log($0)) }
  }

  /// What the logs hold, one log after the other.
  ///
  /// - Parameter tail: only so many lines of each.
  package mutating func existing(tail: Int?) -> [Line] {
    var lines: [Line] = []
    for index in followers.indices {
      let all = followers[index].read()
      let shown = tail.map { all.suffix($0) } ?? all[...]
      lines += shown.map { Line(process: names[index], text: $0) }
    }
    return lines
  }

  /// Hands over new lines until SIGINT or SIGTERM arrives or the run ends.
  package mutating func follow(_ show: (Line) throws -> Void) throws {
    let signals = try signalPipe([SIGINT, SIGTERM])
    while true {
      // Asked before reading, so that the last lines of a run that ends now are still shown.
      let isRunning = RunControl(layout: layout).supervisor != nil
      for line in existing(tail: nil) { try show(line) }
      var waiting = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
      if !isRunning || poll(&waiting, 1, 100) == 1 { return }
    }
  }

  /// The length of the longest name that is shown.
  package var nameWidth: Int { names.map(\.count).max() ?? 0 }

  private static func logs(in layout: RunLayout) -> [String] {
    guard let folder = opendir(layout.logs) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".log") { names.append(String(name.dropLast(".log".count))) }
    }
    return names.sorted()
  }
}
