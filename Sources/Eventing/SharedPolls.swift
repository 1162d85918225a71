import CloudstateModel
import NIOCore
import Synchronization

/// Asks owners for last positions on behalf of all tails of the node: tails that poll the same shard at
/// about the same time share one question. Members may be called from any thread.
final class SharedPolls: Sendable {
  private struct Known {
    var position: Position
    var asOf: NIODeadline
  }

  private let reader: any StreamReader
  private let maximumAge: TimeAmount
  private let known = Mutex<[ShardID: Known]>([:])

  /// - Parameter maximumAge: how old an answer may be to serve another tail.
  init(reader: any StreamReader, maximumAge: TimeAmount) {
    self.reader = reader
    self.maximumAge = maximumAge
  }

  /// As ``StreamReader/lastPosition(of:on:completion:)``; the answer may be `maximumAge` old.
  func lastPosition(
    of shard: ShardID, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void
  ) {
    let now = NIODeadline.now()
    if let recent = known.withLock({ $0[shard] }), now < recent.asOf + maximumAge {
      eventLoop.execute { completion(.success(recent.position)) }
      return
    }
    reader.lastPosition(of: shard, on: eventLoop) { result in
      if case .success(let position) = result {
        self.known.withLock { $0[shard] = Known(position: position, asOf: now) }
      }
      completion(result)
    }
  }
}
