import CLinux
package import CommandLineKit
import Glibc
import SettingsReading

/// What `cs-up ps` and `cs-up down` do with a run in a data folder.
package struct RunControl: Sendable {
  package let layout: RunLayout

  package init(layout: RunLayout) { self.layout = layout }

  /// The process that supervises the run, or `nil` when nothing runs.
  package var supervisor: Int32? { RunLock.holder(of: layout) }

  /// The state of the run.
  ///
  /// - Throws: ``ProgramError`` with status `notFound` when nothing runs here.
  package func state() throws(ProgramError) -> RunState {
    guard let holder = supervisor else { throw nothingRuns }
    let state = try RunState(in: layout)
    // The supervisor holds the lock a moment before it writes its first state.
    guard state.pid == holder else {
      throw ProgramError("the topology in \(layout.data) is just starting", status: .notFound)
    }
    return state
  }

  /// Asks the supervisor to stop everything in order and waits until it has.
  ///
  /// - Returns: the process id of the supervisor that was stopped.
  /// - Throws: ``ProgramError``: `notFound` when nothing runs, `denied` when it is another user's,
  ///   `unreachable` when it still runs after `limit`.
  package func stop(within limit: Duration) throws(ProgramError) -> Int32 {
    guard let holder = supervisor else { throw nothingRuns }
    // Opened before the signal: the descriptor stays with this process even if its id is given to
    // another one after its end.
    let descriptor = cs_pidfd_open(holder)
    guard descriptor >= 0, supervisor == holder else {
      if descriptor >= 0 { close(descriptor) }
      throw nothingRuns
    }
    defer { close(descriptor) }
    guard kill(holder, SIGTERM) == 0 else {
      throw .system("cannot stop process \(holder)", code: errno, status: .denied)
    }
    let end = ContinuousClock.now + limit
    while true {
      let rest = max(.zero, end - ContinuousClock.now)
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let milliseconds = Int32(min(rest.secondsAsDouble, 3600) * 1000)
      if poll(&waiting, 1, milliseconds) == 1 { return holder }
      if ContinuousClock.now >= end {
        throw ProgramError(
          "process \(holder) still stops after \(limit.text)",
          hint: "cs-up down again to kill what does not stop", status: .unreachable)
      }
    }
  }

  private var nothingRuns: ProgramError {
    ProgramError(
      "no topology runs in \(layout.data)", hint: "cs-up TOPOLOGY.yaml", status: .notFound)
  }
}
