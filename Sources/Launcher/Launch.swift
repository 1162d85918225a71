package import CommandLineKit
import FoundationEssentials
import Glibc
import SettingsReading

/// What to launch and how.
package struct LaunchRequest {
  /// With overrides of the command line already applied.
  package var topology: Topology
  /// The folder of `cs-node` and `cs-coordinator`.
  package var programs: String
  /// The data folder; created when it does not exist.
  package var layout: RunLayout
  /// Passed to the programs.
  package var logLevel: String
  package var limits: SupervisionLimits
  package var console: Console
  /// Whether lines of the processes are shown on standard error.
  package var relaysLines: Bool

  package init(
    topology: Topology, programs: String, layout: RunLayout, logLevel: String = "info",
    limits: SupervisionLimits = SupervisionLimits(), console: Console = Console(),
    relaysLines: Bool = true
  ) {
    self.topology = topology
    self.programs = programs
    self.layout = layout
    self.logLevel = logLevel
    self.limits = limits
    self.console = console
    self.relaysLines = relaysLines
  }
}

/// Launches a topology and supervises it until it is stopped by SIGINT, SIGTERM or SIGHUP.
///
/// Call on a thread that lives as long as the process, see ``SupervisionLoop``. An ephemeral topology's
/// data folder is removed at the end.
///
/// - Parameter onReady: called once, when everything is ready.
/// - Throws: ``ProgramError`` when nothing could be started (`usage`, `conflict`), or the launch
///   failed; then everything has been stopped again.
package func launch(
  _ request: LaunchRequest, onReady: @escaping (RunState) -> Void
) throws(ProgramError) {
  let topology = request.topology
  let layout = request.layout
  let problems = topology.portProblems()
  guard problems.isEmpty else {
    throw ProgramError(
      InvalidSettings(file: topology.file, problems: problems).description, status: .usage)
  }
  try makeFolders(layout.data)
  let lock = try RunLock(layout)
  // Not before the lock is ours: the folder may be somebody else's run.
  defer {
    withExtendedLifetime(lock) { if topology.data == .ephemeral { removeTree(layout.data) } }
  }
  try checkStoredNodes(topology, layout)
  let run = try prepare(request)
  let programs = try findPrograms(of: run.plan, topology: topology)
  removeTree(layout.run)
  try makeFolders(layout.run)
  try makeFolders(layout.logs)
  var slots: [ProcessSlot] = []
  for (process, program) in zip(run.plan.processes, programs) {
    slots.append(try run.makeSlot(process, program: program))
  }
  let loop = try SupervisionLoop(
    run: run, slots: slots, limits: request.limits,
    signals: try signalPipe([SIGINT, SIGTERM, SIGHUP]),
    voice: SupervisionVoice(
      plans: run.plan.processes, console: request.console, relaysLines: request.relaysLines),
    onLaunched: onReady)
  let outcome = loop.supervise()
  try report(outcome, slots: slots, topology: topology, layout: layout)
}

/// Refuses fewer nodes than have data here: the shards of those left out would be out of reach.
private func checkStoredNodes(_ topology: Topology, _ layout: RunLayout) throws(ProgramError) {
  for service in topology.services {
    let first = service.nodes + 1
    guard first <= Topology.maximumNodes,
      let last = (first...Topology.maximumNodes).last(where: {
        access(layout.storage("\(service.name)-\($0)"), F_OK) == 0
      })
    else { continue }
    throw ProgramError(
      "the data in \(layout.data) has shards of service '\(service.name)' on \(last) nodes, and "
        + "\(service.nodes) are to be started: part of the entities would be out of reach",
      hint: "--nodes \(service.name)=\(last), or start with fresh data: --ephemeral or --data DIR",
      status: .conflict)
  }
}

/// The plan with free ports chosen and fixed ports found available.
private func prepare(_ request: LaunchRequest) throws(ProgramError) -> RunningTopology {
  let fixed = request.topology.fixedPorts().ports
  for port in fixed where !port.isRunningFunction && !isPortAvailable(port.port) {
    throw ProgramError(
      "\(request.topology.file):\(port.location.line): port \(port.port), \(port.owner), is in use "
        + "by another program",
      hint: "end that program, or choose other ports (ports: free takes any)", status: .conflict)
  }
  return try RunningTopology(request, taken: Set(fixed.map(\.port)))
}

private func findPrograms(
  of plan: LaunchPlan, topology: Topology
) throws(ProgramError) -> [String] {
  var paths: [String] = []
  for process in plan.processes { paths.append(try program(of: process, topology: topology)) }
  return paths
}

/// The absolute path of a process's program.
///
/// - Throws: ``ProgramError`` with status `usage` when there is none.
func program(of process: ProcessPlan, topology: Topology) throws(ProgramError) -> String {
  let word = process.arguments.first ?? ""
  let searchPath = process.environment["PATH"] ?? environmentVariable("PATH")
  if let path = findProgram(word, directory: process.directory, searchPath: searchPath) {
    return path
  }
  guard let service = topology.services.first(where: { $0.name == process.service }),
    process.role == .function || service.function.isEmbedded
  else {
    guard process.role != .etcd else {
      throw ProgramError(
        "\(process.name) needs the program etcd, which is not on the PATH",
        hint: "install it, in Debian the package etcd-server, or name endpoints of one that runs",
        status: .usage)
    }
    throw ProgramError(
      "\(word) does not exist or is not executable",
      hint: "swift build, or name the folder of the programs with --bin", status: .usage)
  }
  let line = service.function.location.line
  throw ProgramError(
    "\(topology.file):\(line): the program of service '\(service.name)' does not exist or is not "
      + "executable: \(word)",
    hint: word.contains("/") ? "build it, or mend the command" : "install it, or write its path",
    status: .usage)
}

private func report(
  _ outcome: Supervisor.Outcome, slots: [ProcessSlot], topology: Topology, layout: RunLayout
) throws(ProgramError) {
  let culprit: Int
  var what: String
  let status: ExitStatus
  switch outcome {
  case .stopped: return
  case .interrupted:
    throw ProgramError("stopped before everything was ready", status: .interrupted)
  case .crashed(let index, let exit):
    (culprit, what, status) = (index, "\(exit)", .failure)
  case .notReady(let index, let time):
    (culprit, what, status) = (index, "is not ready after \(time.text)", .unreachable)
  }
  let plan = slots[culprit].plan
  if case .notReady = outcome, plan.role == .function {
    what += ": it does not listen where $HOST and $PORT of its environment say"
  }
  let lines = slots[culprit].recent.lines.map { "  \(plan.name) | \($0)" }
  let saying =
    lines.isEmpty ? "it wrote nothing" : "its last lines:\n" + lines.joined(separator: "\n")
  throw ProgramError(
    "\(plan.name) \(what), so \(topology.name) was stopped; \(saying)",
    hint: topology.data == .ephemeral ? nil : "cs-up logs --data \(layout.data) \(plan.name)",
    status: status)
}

/// Makes a folder and those above it, unless they exist.
package func makeFolders(_ path: String) throws(ProgramError) {
  if mkdir(path, 0o755) == 0 { return }
  if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
    try makeFolders(String(path[..<slash]))
    if mkdir(path, 0o755) == 0 { return }
  }
  let code = errno
  var information = stat()
  let isFolder = stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
  guard code == EEXIST, isFolder else {
    throw .system("cannot make the folder \(path)", code: code == EEXIST ? ENOTDIR : code)
  }
}

/// Removes a folder with all in it; one that does not exist is no error, and what cannot be removed
/// stays.
func removeTree(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
