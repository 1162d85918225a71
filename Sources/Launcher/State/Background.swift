package import CommandLineKit
import Glibc

/// Starts a supervisor in the background (`cs-up --detach`) and waits until it is ready.
package struct Background {
  private let layout: RunLayout

  package init(layout: RunLayout) { self.layout = layout }

  /// How the start went.
  package enum Result {
    case ready(RunState)
    /// The supervisor ended with this exit code; what it said was shown already.
    case ended(Int32)
  }

  /// Starts this program again with `arguments`, in a session of its own, so that neither the end of
  /// the terminal nor ours ends it.
  ///
  /// What the supervisor says is shown until it is ready. Ctrl-C during that time stops it.
  ///
  /// - Throws: ``ProgramError``: `conflict` when a topology already runs in the folder.
  package func start(
    arguments: [String], console: Console
  ) throws(ProgramError) -> Result {
    if let holder = RunLock.holder(of: layout) {
      throw ProgramError(
        "a topology already runs in \(layout.data) (process \(holder))",
        hint: "cs-up down --data \(layout.data)", status: .conflict)
    }
    try makeFolders(layout.logs)
    let signals = try signalPipe([SIGINT, SIGTERM, SIGHUP])
    var talk = LogFollower(path: layout.supervisorLog, fromEnd: true, creating: true)
    let supervisor = try ChildProcess(
      ChildRequest(
        program: try runningProgram(), arguments: ["cs-up"] + arguments,
        environment: currentEnvironment(), directory: currentDirectory(),
        output: .file(layout.supervisorLog), parentDeathSignal: nil, startsSession: true))
    while true {
      var entries = [
        pollfd(fd: supervisor.endDescriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
      ]
      poll(&entries, nfds_t(entries.count), 20)
      let hasEnded = entries[0].revents != 0
      let exit = hasEnded ? supervisor.reap() : nil
      for line in talk.read() { console.info(line) }
      switch exit {
      case .code(let code): return .ended(code)
      case .signal(let number): return .ended(128 + number)
      case .notStarted(let reason): throw ProgramError(reason)
      case nil: break
      }
      while readSignal(from: signals) != nil { supervisor.terminate() }
      // A state of an earlier run may lie there until the supervisor has written its own.
      if let state = try? RunState(in: layout), state.pid == supervisor.pid, state.phase == .ready {
        return .ready(state)
      }
    }
  }
}
