/// The patience of a ``Supervisor``.
package struct SupervisionLimits: Hashable, Sendable {
  /// How long a process may take to become ready. Lower values find a stuck process sooner and give up
  /// on slow machines; during the launch the whole launch is given up.
  package var readyWithin = Duration.seconds(30)
  /// How many times in a row a process may exit before the launch fails. One more try than one mends
  /// a port that was taken between choosing and using it.
  package var launchAttempts = 3
  /// The delay before the first restart; it doubles with each further exit.
  package var firstDelay = Duration.milliseconds(250)
  /// The longest delay before a restart.
  package var longestDelay = Duration.seconds(30)
  /// A process that was ready this long starts again with the first delay.
  package var stableAfter = Duration.seconds(30)
  /// How often a slow launch says what it waits for.
  package var progressEvery = Duration.seconds(2)
  /// How long nodes, and the others, may take to stop before they are killed. Killing loses no
  /// acknowledged event; it only makes clients retry what was in flight.
  package var nodesStopWithin = Duration.seconds(30)
  package var othersStopWithin = Duration.seconds(5)

  package init() {}

  func stopWithin(_ role: ProcessPlan.Role) -> Duration {
    role == .node ? nodesStopWithin : othersStopWithin
  }

  /// - Parameter count: exits in a row, at least 1.
  func restartDelay(afterFailures count: Int) -> Duration {
    // 2^20 times any delay is beyond every sensible longest one.
    min(firstDelay * (1 << min(count - 1, 20)), longestDelay)
  }
}

/// How a process ended.
package enum ProcessExit: Hashable, Sendable, CustomStringConvertible {
  case code(Int32)
  case signal(Int32)
  /// It could not be started, with the reason.
  case notStarted(String)

  /// Reads a status of waitpid(2).
  package init(waitStatus status: Int32) {
    let signal = status & 0x7f
    self = signal == 0 ? .code((status >> 8) & 0xff) : .signal(signal)
  }

  package var description: String {
    switch self {
    case .code(let code): "exited with status \(code)"
    case .signal(let signal): "was ended by signal \(signal)"
    case .notStarted(let reason): "could not be started: \(reason)"
    }
  }
}
