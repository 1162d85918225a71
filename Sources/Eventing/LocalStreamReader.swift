package import CloudstateModel
package import NIOCore
package import NIOPosix
package import ShardStore
import Synchronization

/// Reads the streams of this node's own shards. The store's reads block, so they run on a thread pool;
/// a bound on how many may wait there keeps a burst of tails from taking all memory.
package final class LocalStreamReader: StreamReader {
  /// Reads waiting or running at the same time; more are refused.
  package static let maximumPending = 1024

  private let store: any ShardStore
  private let pool: NIOThreadPool
  private let pending = Mutex(0)

  /// - Parameter pool: started and stopped by the caller, after this reader is no longer used.
  package init(store: any ShardStore, pool: NIOThreadPool) {
    self.store = store
    self.pool = pool
  }

  package func read(
    _ shard: ShardID, after: Position, byteLimit: Int, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<StreamPage, StreamReadFailure>) -> Void
  ) {
    run({ store throws(StoreError) in
      try Self.page(of: shard, after: after, byteLimit: byteLimit, in: store)
    }) { result in eventLoop.execute { completion(result) } }
  }

  package func lastPosition(
    of shard: ShardID, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void
  ) {
    run({ store throws(StoreError) in try store.lastPosition(of: shard) }) { result in
      eventLoop.execute { completion(result) }
    }
  }

  package func locate(
    _ shard: ShardID, since: Timestamp, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void
  ) {
    run({ store throws(StoreError) in try store.firstPosition(of: shard, since: since) }) {
      result in eventLoop.execute { completion(result) }
    }
  }

  /// Runs a blocking read on a pool thread and calls `completion` there, exactly once; a refused read
  /// completes at once on the calling thread.
  func run<Value: Sendable>(
    _ read: @escaping @Sendable (any ShardStore) throws(StoreError) -> Value,
    completion: @escaping @Sendable (Result<Value, StreamReadFailure>) -> Void
  ) {
    let isAccepted = pending.withLock { pending in
      guard pending < Self.maximumPending else { return false }
      pending += 1
      return true
    }
    guard isAccepted else {
      completion(.failure(StreamReadFailure("this node has too many stream reads waiting")))
      return
    }
    pool.submit { [self] state in
      defer { pending.withLock { $0 -= 1 } }
      guard state == .active else {
        completion(.failure(StreamReadFailure("this node is shutting down")))
        return
      }
      completion(
        Result { () throws(StoreError) in try read(store) }
          .mapError { StreamReadFailure("its store answers \($0)") })
    }
  }

  /// One page and the position behind which nothing was committed yet. `byteLimit` 0 asks for the
  /// position alone.
  static func page(
    of shard: ShardID, after: Position, byteLimit: Int, in store: any ShardStore
  ) throws(StoreError) -> StreamPage {
    let batches =
      byteLimit > 0 ? try store.stream(of: shard, after: after, byteLimit: byteLimit) : []
    let last = try store.lastPosition(of: shard)
    return StreamPage(batches: batches, lastPosition: max(last, batches.last?.position ?? last))
  }
}
