import CloudstateModel
import Synchronization

/// What the committer shows to other threads: where copies end, and who wants to hear of new positions.
final class CommitBoard: Sendable {
  private struct Copies {
    var ends: [ShardID: ShardEnd] = [:]
    /// How often a shard's copy was deleted.
    var generations: [ShardID: UInt64] = [:]
    /// Bytes written to each shard since the start or since its copy was deleted, less the older the more.
    var written: [ShardID: UInt64] = [:]
    var writtenInAll: UInt64 = 0

    mutating func forgetHalf() {
      written = written.mapValues { $0 / 2 }.filter { $0.value > 0 }
      writtenInAll = written.values.reduce(0, +)
    }
  }

  private let copies = Mutex(Copies())
  private let listeners = Mutex<[@Sendable ([ShardID: Position]) -> Void]>([])

  /// Where a shard ends that was loaded, else `nil`.
  func end(of shard: ShardID) -> ShardEnd? { copies.withLock { $0.ends[shard] } }

  /// Tells copies of one shard apart: another one after each deletion.
  func generation(of shard: ShardID) -> UInt64 {
    copies.withLock { $0.generations[shard] ?? 0 }
  }

  /// About how many of the `buffered` bytes that are in no file yet are of a shard: as large a part of them as of what
  /// was written lately.
  func unflushedBytes(of shard: ShardID, ofBuffered buffered: UInt64) -> UInt64 {
    copies.withLock { copies in
      while copies.writtenInAll > 2 * buffered { copies.forgetHalf() }
      let own = copies.written[shard] ?? 0
      guard copies.writtenInAll > buffered else { return own }
      return UInt64(Double(own) / Double(copies.writtenInAll) * Double(buffered))
    }
  }

  /// Any thread. The listener stays.
  func addListener(_ listener: @escaping @Sendable ([ShardID: Position]) -> Void) {
    listeners.withLock { $0.append(listener) }
  }

  /// Committer only. Shows where shards end now, of which some were deleted before and some had `bytes` written to them,
  /// and answers which grew.
  @discardableResult
  func show(
    _ ends: [ShardID: ShardEnd], deleted: Set<ShardID> = [], bytes: [ShardID: UInt64] = [:]
  ) -> [ShardID: Position] {
    copies.withLock { copies in
      for shard in deleted { copies.writtenInAll -= copies.written.removeValue(forKey: shard) ?? 0 }
      for (shard, count) in bytes {
        copies.written[shard, default: 0] += count
        copies.writtenInAll += count
      }
      var grown: [ShardID: Position] = [:]
      for (shard, end) in ends {
        if end.position > copies.ends[shard]?.position ?? .start { grown[shard] = end.position }
        copies.ends[shard] = end
      }
      for shard in deleted { copies.generations[shard, default: 0] += 1 }
      return grown
    }
  }

  /// Committer only; calls the listeners outside the lock.
  func tellListeners(_ grown: [ShardID: Position]) {
    for listener in listeners.withLock({ $0 }) { listener(grown) }
  }
}
