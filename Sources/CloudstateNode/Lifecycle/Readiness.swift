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
  }

  private let watched = Mutex(Watched())

  func become(_ new: State) {
    watched.withLock { watched in
      watched.state = new
      for observer in watched.observers { observer(new) }
    }
  }

  /// Tells the state at once, and each one after it in order. An observer must not wait, nor ask back.
  func observe(_ observer: @escaping Observer) {
    watched.withLock { watched in
      watched.observers.append(observer)
      observer(watched.state)
    }
  }

  var current: State { watched.withLock { $0.state } }
}
