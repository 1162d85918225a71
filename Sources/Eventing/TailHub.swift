import CloudstateModel
import NIOCore
import Synchronization

/// Wakes the tails of this node: gathers what commits and notices tell of grown shards and hands it to
/// each tail on its own event loop. Members may be called from any thread.
final class TailHub: Sendable {
  /// What a tail hears of the hub.
  enum Wake: Sendable {
    /// The shards reach at least to these positions.
    case grew([UInt32: Position])
    /// The node shuts down.
    case stopping
  }

  private struct Subscriber {
    let eventLoop: any EventLoop
    let deliver: @Sendable (Wake) -> Void
    /// Gathered since the last delivery; a delivery is scheduled while it is not empty.
    var pending: [UInt32: Position] = [:]
  }

  private struct State {
    var subscribers: [UInt64: Subscriber] = [:]
    var nextID: UInt64 = 0
    var isStopped = false
  }

  private let maximumSubscribers: Int
  private let state = Mutex(State())

  /// - Parameter maximumSubscribers: how many tails the node serves at the same time.
  init(maximumSubscribers: Int) { self.maximumSubscribers = maximumSubscribers }

  /// What became of a wish to tail.
  enum Admission: Sendable {
    case admitted(id: UInt64)
    /// The node has all the tails it may have.
    case full
    case stopping
  }

  /// Registers a tail; `deliver` is called on `eventLoop`, the last time possibly shortly after
  /// ``unsubscribe(_:)``.
  func subscribe(
    on eventLoop: any EventLoop, deliver: @escaping @Sendable (Wake) -> Void
  ) -> Admission {
    state.withLock { state in
      guard !state.isStopped else { return .stopping }
      guard state.subscribers.count < maximumSubscribers else { return .full }
      state.nextID += 1
      state.subscribers[state.nextID] = Subscriber(eventLoop: eventLoop, deliver: deliver)
      return .admitted(id: state.nextID)
    }
  }

  /// Ends a registration.
  func unsubscribe(_ id: UInt64) {
    state.withLock { _ = $0.subscribers.removeValue(forKey: id) }
  }

  /// Whether anyone listens: what is not wanted need not be decoded.
  var hasSubscribers: Bool { state.withLock { !$0.subscribers.isEmpty } }

  /// Shards have grown to the positions given.
  func grew(_ positions: [UInt32: Position]) {
    let idle = state.withLock { state in
      var idle: [(UInt64, any EventLoop)] = []
      for id in state.subscribers.keys {
        if state.subscribers[id]?.pending.isEmpty == true,
          let eventLoop = state.subscribers[id]?.eventLoop
        {
          idle.append((id, eventLoop))
        }
        state.subscribers[id]?.pending.merge(positions, uniquingKeysWith: max)
      }
      return idle
    }
    for (id, eventLoop) in idle { eventLoop.execute { self.flush(id) } }
  }

  /// Tells every tail to end, and takes no new ones.
  func stop() {
    let subscribers = state.withLock { state in
      state.isStopped = true
      defer { state.subscribers.removeAll() }
      return Array(state.subscribers.values)
    }
    for subscriber in subscribers {
      subscriber.eventLoop.execute { subscriber.deliver(.stopping) }
    }
  }

  private func flush(_ id: UInt64) {
    let taken = state.withLock { state -> (Subscriber, [UInt32: Position])? in
      guard let subscriber = state.subscribers[id] else { return nil }
      state.subscribers[id]?.pending = [:]
      return (subscriber, subscriber.pending)
    }
    guard let (subscriber, positions) = taken else { return }
    subscriber.deliver(.grew(positions))
  }
}
