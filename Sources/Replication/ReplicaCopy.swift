import CloudstateModel
import ReplicatedData
import ShardStore

/// This node's copy of one entity, in memory. Loop-bound to its shelf.
final class ReplicaCopy {
  let entity: EntityKey
  /// `nil` while there is none, here or in the store.
  var state: ReplicatedEntityState?
  /// What waits for the copy to be read from the store; `nil` once it is.
  var waiting: [(Result<Void, StoreError>) -> Void]? = []
  /// The entity's instance, if it is active.
  var changed: (() -> Void)?
  var isHeld = false
  /// Changes on their way to the disk.
  var pendingWrites = 0
  var lastToken: UInt64 = 0
  /// What waits until the write with a token has its outcome, in order.
  var barriers: [(token: UInt64, action: (Result<Void, StoreError>) -> Void)] = []
  var lastUse: UInt64 = 0
  /// What the digest board counts for the entity.
  var countedDigest: UInt64 = 0
  var isDirty = false

  /// What is stored, or on its way.
  private var wholeBytes = 0
  private var deltaBytes = 0
  private var lastNumber: UInt64 = 0
  /// The highest number of a delta that may be in the store: a whole copy that was to replace it may be refused.
  private var highestNumber: UInt64 = 0
  /// Of the last whole copy that was given to the store.
  var lastWholeToken: UInt64 = 0
  /// A write was refused, so that the stored parts are not all there is.
  var needsWholeWrite = false

  init(entity: EntityKey) { self.entity = entity }

  /// About what the copy takes in the store, in bytes: never less than a whole copy of it.
  var approximateBytes: Int { wholeBytes + deltaBytes }
  /// Whether writing it whole may make it smaller.
  var hasDeltas: Bool { deltaBytes > 0 }

  func loaded(_ content: ReplicaContent) {
    state = content.state
    countedDigest = content.digest
    wholeBytes = content.wholeBytes
    deltaBytes = content.deltaBytes
    lastNumber = content.lastNumber
    highestNumber = content.lastNumber
  }

  /// The whole copy that was last given to the store is there, and the deltas before it are not.
  func wholeIsStored() { highestNumber = lastNumber }

  /// What to write for a change that has been made: the change alone, or the whole copy once the changes take
  /// as much room, so that both writing and reading stay proportional to what there is.
  func write(for change: [UInt8]) -> ReplicaWrite {
    // Nothing of what was deleted need stay on the disk.
    if state != .deleted, !needsWholeWrite,
      deltaBytes + change.count <= max(wholeBytes, Self.minimumDeltaBytes)
    {
      deltaBytes += change.count
      lastNumber += 1
      highestNumber = max(highestNumber, lastNumber)
      return ReplicaWrite(entity: entity, change: .delta(change, number: lastNumber))
    }
    return wholeWrite()
  }

  func wholeWrite() -> ReplicaWrite {
    let whole = state?.encoded() ?? []
    wholeBytes = whole.count
    deltaBytes = 0
    lastNumber = 0
    needsWholeWrite = false
    return ReplicaWrite(entity: entity, change: .whole(whole, replacingDeltasUpTo: highestNumber))
  }

  private static let minimumDeltaBytes = 2048
}

/// What the store holds of an entity, understood.
struct ReplicaContent: Sendable {
  var state: ReplicatedEntityState?
  /// 0 if there is no copy.
  var digest: UInt64 = 0
  var wholeBytes = 0
  var deltaBytes = 0
  var lastNumber: UInt64 = 0

  /// - Throws: `.corruptRecord` for what no version of this software has written.
  init(_ stored: StoredReplica?) throws(StoreError) {
    guard let stored else { return }
    for part in stored.parts {
      let change: ReplicatedEntityState
      do throws(ReplicatedDataFormatError) {
        change = try ReplicatedEntityState(decoding: part)
      } catch {
        throw StoreError(
          .corruptRecord,
          "this node's copy of entity \(stored.entity) cannot be trusted: \(error). Nothing was changed or "
            + "deleted; restore it from another node or a backup")
      }
      if state == nil { state = change } else { state?.merge(change) }
    }
    digest = state?.digest ?? 0
    lastNumber = stored.lastNumber
    let deltas = Int(stored.lastNumber)
    deltaBytes = stored.parts.suffix(deltas).reduce(0) { $0 + $1.count }
    wholeBytes = stored.parts.dropLast(deltas).reduce(0) { $0 + $1.count }
  }
}
