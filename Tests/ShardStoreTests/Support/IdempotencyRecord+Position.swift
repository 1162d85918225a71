import CloudstateModel
import ShardStore

extension IdempotencyRecord {
  /// The record as the store returns it after its batch got a position.
  func at(_ position: UInt64) -> IdempotencyRecord {
    var record = self
    record.position = Position(position)
    return record
  }
}
