import Synchronization

/// Whether the node may get requests, and if not, why not. Any thread.
final class Readiness: Sendable {
  enum State: Equatable {
    case notReady(String)
    case ready
  }

  typealias Observer = @Sendable (State) -> Void

  private struct Watched {
    var state = State.notReady("starting")
    var observers: [Observer] = []

    mutating func become(_ new: State) {
      state = new
      for observer in observers { observer(new) }
    }
  }

  private static let stopping = State.notReady("stopping")

  private let watched = Mutex(Watched())

  /// Does nothing after ``end()``.
  func become(_ new: State) {
    watched.withLock { if $0.state != Self.stopping { $0.become(new) } }
  }

  /// The node has been told to stop. It does not get ready again.
  func end() { watched.withLock { $0.become(Self.stopping) } }

  /// Tells the state at once, and each one after it in order. An observer must not wait, nor ask back.
  func observe(_ observer: @escaping Observer) {
    watched.withLock { watched in
      watched.observers.append(observer)
      observer(watched.state)
    }
  }

  var current: State { watched.withLock { $0.state } }
}
