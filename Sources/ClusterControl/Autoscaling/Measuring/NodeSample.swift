package import CloudstateModel
import Synchronization

/// What a node measured in one interval, about one second (proxy-behaviour 15.1).
package struct NodeSample: Hashable, Sendable, Codable {
  package var node: NodeID
  /// Of the node's process, as in ``NodeInfo/incarnation``.
  package var incarnation: UInt64
  package var intervalNanoseconds: Int64
  /// Unary requests of clients.
  package var requests: WorkMeasure
  /// Commands at the user function.
  package var functions: WorkMeasure
  /// Operations of the store.
  package var store: WorkMeasure

  package init(
    node: NodeID, incarnation: UInt64, intervalNanoseconds: Int64, requests: WorkMeasure,
    functions: WorkMeasure, store: WorkMeasure
  ) {
    self.node = node
    self.incarnation = incarnation
    self.intervalNanoseconds = intervalNanoseconds
    self.requests = requests
    self.functions = functions
    self.store = store
  }

  /// Whether the numbers can be true. What is not plausible is not counted, so that no node can turn an average into
  /// nonsense.
  package var isPlausible: Bool {
    // An hour is far longer than any interval that is still of use.
    (1...3_600_000_000_000).contains(intervalNanoseconds)
      && [requests, functions, store].allSatisfy { measure in
        measure.concurrency.isFinite && (0...1e9).contains(measure.concurrency)
          && measure.timeNanoseconds >= 0 && (0...1_000_000_000_000).contains(measure.count)
      }
  }
}

/// The meters of one node. Any thread may use them; ``sample(at:)`` is called by one.
package final class NodeMeters: Sendable {
  package let requests: ConcurrencyMeter
  package let functions: ConcurrencyMeter
  package let store: ConcurrencyMeter
  private let node: NodeID
  /// Of the node's process, as in ``NodeInfo/incarnation``.
  package let incarnation: UInt64
  private let lastSample: Mutex<UInt64>

  /// - Parameter now: nanoseconds of the clock that all later times are of, too.
  package init(node: NodeID, incarnation: UInt64, at now: UInt64) {
    self.node = node
    self.incarnation = incarnation
    requests = ConcurrencyMeter(start: now)
    functions = ConcurrencyMeter(start: now)
    store = ConcurrencyMeter(start: now)
    lastSample = Mutex(now)
  }

  /// What was measured since the last call.
  package func sample(at now: UInt64) -> NodeSample {
    let interval = lastSample.withLock { last in
      defer { last = max(last, now) }
      return now > last ? now - last : 0
    }
    return NodeSample(
      node: node, incarnation: incarnation, intervalNanoseconds: Int64(clamping: interval),
      requests: requests.take(at: now), functions: functions.take(at: now),
      store: store.take(at: now))
  }
}
