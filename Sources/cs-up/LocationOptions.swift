import ArgumentParser
import CommandLineKit
import Launcher

/// Which run a command is about.
struct LocationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Data folder; overrides the file's.", valueName: "dir"))
  var data: String?

  @Flag(help: "Data in a temporary folder that is removed at the end.")
  var ephemeral = false

  @Option(
    help: ArgumentHelp(
      "Folder of cs-node and cs-coordinator, and ${bin} in the file; default: where cs-up is.",
      valueName: "dir"))
  var bin: String?

  func validate() throws {
    if data != nil && ephemeral {
      throw ValidationError("--data and --ephemeral exclude each other")
    }
  }

  /// The absolute folder of our programs.
  func programs() throws(ProgramError) -> String {
    guard let bin else { return try programFolder() }
    return normalizedPath(bin, in: currentDirectory())
  }

  /// The topology of a file, with the options applied.
  func topology(_ file: String) throws(ProgramError) -> Topology {
    var topology = try loadTopology(file, programs: try programs())
    if ephemeral { topology.data = .ephemeral }
    if let data { topology.data = .directory(normalizedPath(data, in: currentDirectory())) }
    return topology
  }

  /// The data folder of a run.
  ///
  /// - Parameter file: the topology file; not read when `--data` is given.
  func layout(_ file: String?) throws(ProgramError) -> RunLayout {
    if let data { return RunLayout(data: normalizedPath(data, in: currentDirectory())) }
    guard let file else {
      throw ProgramError(
        "which topology? name its file, or its data folder with --data", status: .usage)
    }
    return try Self.layout(of: topology(file))
  }

  /// The data folder of a run that a command is about: of the named topology, or of the only one.
  func runningLayout(_ file: String?) throws(ProgramError) -> RunLayout {
    if file == nil, data == nil { return try RunFinder.onlyRun() }
    return try layout(file)
  }

  /// Where a topology's data is.
  static func layout(of topology: Topology) throws(ProgramError) -> RunLayout {
    switch topology.data {
    case .directory(let path): RunLayout(data: path)
    case .ephemeral: RunLayout(data: try EphemeralFolder.path(topology: topology.name))
    }
  }
}
