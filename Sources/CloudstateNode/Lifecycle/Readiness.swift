import Synchronization

/// Whether the node may get requests, and if not, why not. Any thread.
final class Readiness: Sendable {
  enum State: Equatable {
    case notReady(String)
    case ready
  }

  private let state = Mutex(State.notReady("starting"))

  func become(_ new: State) { state.withLock { $0 = new } }

  var current: State { state.withLock { $0 } }
}
