package import CloudstateModel

/// Who consumes the events of an event log: the methods of one service that share log and group (proxy
/// behaviour, section 11.1). Other services and other groups are consumers of their own.
package struct ConsumerID: Hashable, Sendable, CustomStringConvertible {
  /// The full name of the gRPC service whose methods are called.
  package let serviceName: String
  package let group: String
  /// The persistence id whose events are consumed.
  package let eventLog: String

  package init(serviceName: String, group: String, eventLog: String) {
    self.serviceName = serviceName
    self.group = group
    self.eventLog = eventLog
  }

  package var description: String {
    let name = group == serviceName ? serviceName : "group \(group) of \(serviceName)"
    return "\(name) on event log \(eventLog)"
  }
}

/// How far a consumer has come in one shard.
package struct ConsumerPosition: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Every event up to and including this batch is done.
  package var batches: Position
  /// Of the batch behind ``batches``, this many events are done.
  package var events: UInt32

  package init(batches: Position, events: UInt32 = 0) {
    self.batches = batches
    self.events = events
  }

  /// Nothing is done.
  package static let start = ConsumerPosition(batches: .start)

  package static func < (left: Self, right: Self) -> Bool {
    (left.batches, left.events) < (right.batches, right.events)
  }

  package var description: String { events == 0 ? "\(batches)" : "\(batches)+\(events)" }
}
