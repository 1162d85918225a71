package import CommandLineKit
import Glibc

/// Finds what runs, for a user who does not say which topology is meant.
package enum RunFinder {
  /// The layout of the one run: of those under `.cloudstate` in the working directory and of the
  /// ephemeral ones of this user.
  ///
  /// - Throws: ``ProgramError``: `notFound` when nothing runs there, `usage` when several do.
  package static func onlyRun() throws(ProgramError) -> RunLayout {
    let folders = ["\(currentDirectory())/.cloudstate", try EphemeralFolder.folder()]
    let runs = folders.flatMap(entries).map { RunLayout(data: $0) }.filter {
      RunLock.holder(of: $0) != nil
    }
    guard let run = runs.first else {
      throw ProgramError(
        "no topology runs in .cloudstate here, and none that is ephemeral",
        hint: "name the topology file, or its data folder with --data", status: .notFound)
    }
    guard runs.count == 1 else {
      throw ProgramError(
        "several topologies run: \(runs.map(\.data).sorted().joined(separator: ", "))",
        hint: "name the topology file, or its data folder with --data", status: .usage)
    }
    return run
  }

  private static func entries(_ folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var paths: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { paths.append("\(folder)/\(name)") }
    }
    return paths
  }
}
