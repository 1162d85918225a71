import CloudstateModel
import Dispatch
import Synchronization

/// Hears of an outcome once, on the committer thread.
typealias Completion<Value> = @Sendable (Result<Value, StoreError>) -> Void

/// What waits for the committer, in the order in which it came.
enum CommitEntry: Sendable {
  /// To be checked and committed.
  case batch(ShardBatch, token: UInt64, sink: any CommitSink)
  case replica(ReplicaWrite, token: UInt64, sink: any CommitSink)
  /// A batch that was turned away at the door; it waits so that outcomes keep their order. Of a change of a
  /// replicated entity's copy with the entity.
  case refused(StoreError, token: UInt64, sink: any CommitSink, replica: EntityKey?)
  /// A shard to open behind everything queued before.
  case open(ShardID, Epoch, Completion<ShardEnd>)
  /// A shard to close likewise.
  case close(ShardID, @Sendable () -> Void)
  /// Deltas to be checked and committed.
  case append(CopyAppend, Completion<CopyAppendOutcome>)
  /// A copy to delete.
  case drop(ShardID, Epoch, Completion<Void>)
  case consumer(ConsumerPosition, ConsumerID, ShardID, Completion<Void>)
  /// A reader found a record that cannot be trusted, in the copy of this generation.
  case damage(ShardID, generation: UInt64, StoreError)
  /// Turned away at the door, to be told in its turn.
  case failed(@Sendable () -> Void)
}

/// A thread that waits for the committer's answer.
final class AwaitedAnswer<Value: Sendable>: Sendable {
  private let answer = Mutex<Result<Value, StoreError>?>(nil)
  private let answered = DispatchSemaphore(value: 0)

  /// Committer only, once.
  func fulfil(_ result: Result<Value, StoreError>) {
    answer.withLock { $0 = result }
    answered.signal()
  }

  /// Blocks until the committer has answered.
  func wait() throws(StoreError) -> Value {
    answered.wait()
    return try answer.withLock { $0 ?? .failure(.closed) }.get()
  }
}
