import Synchronization

/// Whether the node may get requests, and if not, why not. Any thread.
final class Readiness: Sendable {
  enum State: Equatable {
    case notReady(String)
    case ready
  }

  private let state = Mutex(State.notReady("starting"))

  /// Does nothing after ``end()``.
  func become(_ new: State) { state.withLock { if $0 != Self.stopping { $0 = new } } }

  /// The node has been told to stop. It does not get ready again.
  func end() { state.withLock { $0 = Self.stopping } }

  private static let stopping = State.notReady("stopping")

  var current: State { state.withLock { $0 } }
}
