package import CloudstateModel
package import NIOCore
package import ShardStore

/// Reads the committed stream of shards, wherever they live.
///
/// The port between tailing and storage: ``LocalStreamReader`` reads the store of this node,
/// ``RemoteStreamReader`` asks the owner over the bus, ``RoutedStreamReader`` chooses between them by
/// the current topology at every call, so that a shard that moved is found again by the next read.
///
/// Members may be called from any thread. Each completes exactly once, on `eventLoop`.
package protocol StreamReader: Sendable {
  /// Batches of `shard` with a position above `after`, in order, of about `byteLimit` bytes but at
  /// least one if there is one.
  func read(
    _ shard: ShardID, after: Position, byteLimit: Int, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<StreamPage, StreamReadFailure>) -> Void)

  /// The position of the shard's last committed batch.
  func lastPosition(
    of shard: ShardID, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void)

  /// The first position committed at or after `since`, or the one behind the last.
  func locate(
    _ shard: ShardID, since: Timestamp, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void)
}

/// What one read of a shard's stream found.
package struct StreamPage: Hashable, Sendable {
  package var batches: [StreamBatch]
  /// The last committed position of the shard when the page was read; never below the last batch.
  package var lastPosition: Position

  package init(batches: [StreamBatch], lastPosition: Position) {
    self.batches = batches
    self.lastPosition = lastPosition
  }
}

/// Why a shard's stream could not be read. All causes are worth another try later.
package struct StreamReadFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// Says who could not be asked and why, for people; equal for all shards of one cause, so that
  /// notices can name several shards at once.
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}
