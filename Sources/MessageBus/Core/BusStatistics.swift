import Synchronization

/// What a bus refused or lost since its start.
package struct BusStatistics: Hashable, Sendable {
  /// Messages that were not of our format, in whole or in part.
  package var malformedMessages: UInt64 = 0
  /// Connections whose other side did not speak ZMTP, or not the same way, or has another key.
  package var failedHandshakes: UInt64 = 0
  /// Of those that came: because they showed no accepted key, or encrypt where this bus does not.
  package var refusedPeers: UInt64 = 0
  /// Of those that this bus made: because the peer does not accept its key, or has none.
  package var refusedLinks: UInt64 = 0
  /// Publications not sent because the queue was full or the publication too long. Subscribers see a
  /// jump in the sequence.
  package var droppedPublications: UInt64 = 0
  /// Answers not sent because the requester was gone or does not take them. It sees a timeout.
  package var droppedAnswers: UInt64 = 0
  /// Requests refused because a queue was full.
  package var overloadedRequests: UInt64 = 0
  /// Answers that came after their request had failed.
  package var lateAnswers: UInt64 = 0
}

/// Statistics that any thread may count and read.
final class StatisticsCounter: Sendable {
  private let values = Mutex(BusStatistics())

  var current: BusStatistics { values.withLock { $0 } }

  func update(_ change: (inout BusStatistics) -> Void) { values.withLock { change(&$0) } }
}
