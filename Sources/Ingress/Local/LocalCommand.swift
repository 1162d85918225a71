import CloudstateModel
import GRPCTransport
import NIOCore
import Synchronization

/// A command from inside the process, and who waits for its answer. Any thread.
final class LocalCommand: Sendable {
  typealias Outcome = Result<LocalReply, CallFailure>

  private enum State {
    case made
    case waiting(CheckedContinuation<Outcome, Never>)
    /// With what the caller is told if it does not wait yet.
    case over(Outcome?)
  }

  let command: EntityCommand
  let route: IngressRoute
  let deadline: NIODeadline?
  private let state = Mutex(State.made)

  init(_ command: EntityCommand, route: IngressRoute, deadline: NIODeadline?) {
    self.command = command
    self.route = route
    self.deadline = deadline
  }

  /// Whether nobody waits any more.
  var isOver: Bool {
    state.withLock { state in
      if case .over = state { true } else { false }
    }
  }

  /// The caller waits from now on. `false` if the end was there before, as of a task that was cancelled
  /// already; it has then been told.
  func wait(_ continuation: CheckedContinuation<Outcome, Never>) -> Bool {
    let outcome = state.withLock { state -> Outcome? in
      if case .over(let outcome) = state { return outcome }
      state = .waiting(continuation)
      return nil
    }
    guard let outcome else { return true }
    continuation.resume(returning: outcome)
    return false
  }

  /// Tells the caller. Only the first outcome counts.
  func finish(_ outcome: Outcome) {
    let waiter = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
      switch state {
      case .made:
        state = .over(outcome)
        return nil
      case .waiting(let continuation):
        state = .over(nil)
        return continuation
      case .over:
        return nil
      }
    }
    waiter?.resume(returning: outcome)
  }
}
