package import CloudstateModel
package import NIOCore
package import ShardStore
import Synchronization

/// A node's store as everything but replication sees it: a batch of a replicated shard is committed, and shown to
/// readers, when all copies that are waited for have it (design section 7). Shards without copies pass through.
///
/// Batches of a shard are submitted on its event loop.
package final class ConfirmingStore: ShardStore {
  let inner: any ShardCopies
  private let outcomes: [LoopOutcomes]
  private let slot: @Sendable (UInt32) -> Int
  /// How far shards may be read. Others are not this node's to show: what its copy holds may never be confirmed.
  private enum View { case whole, upTo(Position) }

  private let visible = Mutex<[ShardID: View]>([:])
  private let listeners = Mutex<[@Sendable ([ShardID: Position]) -> Void]>([])
  private let consumerMoved = Mutex<(@Sendable (ShardID) -> Void)?>(nil)

  /// - Parameters:
  ///   - loops: the event loops of the node's shards.
  ///   - slot: the number of a shard's loop among them.
  package init(
    _ inner: any ShardCopies, loops: [any EventLoop], slot: @escaping @Sendable (UInt32) -> Int
  ) {
    self.inner = inner
    self.slot = slot
    outcomes = loops.map { LoopOutcomes(eventLoop: $0) }
    inner.addCommitListener { [weak self] in self?.grew($0) }
  }

  func outcomes(ofLoop index: Int) -> LoopOutcomes { outcomes[index] }

  func onConsumerMoved(_ listener: @escaping @Sendable (ShardID) -> Void) {
    consumerMoved.withLock { $0 = listener }
  }

  // MARK: What may be seen

  /// From now on the shard is shown only as far as ``show(_:upTo:)`` says.
  func cover(_ shard: ShardID) {
    visible.withLock { if case .whole? = $0[shard] { $0[shard] = nil } }
  }

  func show(_ shard: ShardID, upTo position: Position) {
    visible.withLock { $0[shard] = .upTo(position) }
    tell([shard: position])
  }

  /// The shard is shown as far as it is here: it is this node's, and has no copies.
  func uncover(_ shard: ShardID) { visible.withLock { $0[shard] = .whole } }

  /// The shard is not this node's any more, or is not served: nothing of it is shown.
  func hide(_ shard: ShardID) { visible.withLock { $0[shard] = nil } }

  private func grew(_ positions: [ShardID: Position]) {
    let open = visible.withLock { visible in
      positions.filter { if case .whole? = visible[$0.key] { true } else { false } }
    }
    if !open.isEmpty { tell(open) }
  }

  private func tell(_ positions: [ShardID: Position]) {
    for listener in listeners.withLock({ $0 }) { listener(positions) }
  }

  /// The end of what may be read of a shard; `nil` for no bound.
  private func bound(of shard: ShardID) throws(StoreError) -> Position? {
    switch visible.withLock({ $0[shard] }) {
    case .whole?: return nil
    case .upTo(let position)?: return position
    case nil:
      throw StoreError(
        .shardNotOpen, "shard \(shard) is not served by this node, or not yet; try again")
    }
  }

  // MARK: Writing

  package func openShard(_ shard: ShardID, epoch: Epoch) throws(StoreError) -> Position {
    try inner.openShard(shard, epoch: epoch)
  }

  package func submit(_ batch: ShardBatch, token: UInt64, to sink: any CommitSink) {
    let outcomes = outcomes[slot(batch.shard.index)]
    if outcomes.eventLoop.inEventLoop, outcomes.isHeld(batch.shard) {
      outcomes.submit(batch, token: token, to: sink, in: inner)
    } else {
      inner.submit(batch, token: token, to: sink)
    }
  }

  package func submit(_ write: ReplicaWrite, token: UInt64, to sink: any CommitSink) {
    inner.submit(write, token: token, to: sink)
  }

  package func addCommitListener(
    _ listener: @escaping @Sendable ([ShardID: Position]) -> Void
  ) {
    listeners.withLock { $0.append(listener) }
  }

  package func setPosition(
    _ position: ConsumerPosition, of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError) {
    try inner.setPosition(position, of: consumer, in: shard)
    consumerMoved.withLock { $0 }?(shard)
  }

  package func setMetadata(_ name: String, to value: [UInt8]) throws(StoreError) {
    try inner.setMetadata(name, to: value)
  }

  // MARK: Reading

  package func lastPosition(of shard: ShardID) throws(StoreError) -> Position {
    if let bound = try bound(of: shard) { return bound }
    return try inner.lastPosition(of: shard)
  }

  package func stream(
    of shard: ShardID, after position: Position, byteLimit: Int
  ) throws(StoreError) -> [StreamBatch] {
    guard let bound = try bound(of: shard) else {
      return try inner.stream(of: shard, after: position, byteLimit: byteLimit)
    }
    guard position < bound else { return [] }
    let batches = try inner.stream(of: shard, after: position, byteLimit: byteLimit)
    guard let last = batches.last, last.position > bound else { return batches }
    return batches.filter { $0.position <= bound }
  }

  package func firstPosition(
    of shard: ShardID, since time: Timestamp
  ) throws(StoreError) -> Position {
    let found = try inner.firstPosition(of: shard, since: time)
    guard let bound = try bound(of: shard) else { return found }
    return min(found, bound.next)
  }

  package func snapshot(
    of entity: EntityKey, in shard: ShardID
  ) throws(StoreError) -> StoredSnapshot? {
    try inner.snapshot(of: entity, in: shard)
  }

  package func events(
    of entity: EntityKey, in shard: ShardID, after sequence: SequenceNumber, byteLimit: Int
  ) throws(StoreError) -> [StoredEvent] {
    try inner.events(of: entity, in: shard, after: sequence, byteLimit: byteLimit)
  }

  package func idempotencyRecord(
    _ key: String, of entity: EntityKey, in shard: ShardID
  ) throws(StoreError) -> IdempotencyRecord? {
    try inner.idempotencyRecord(key, of: entity, in: shard)
  }

  package func position(
    of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError) -> ConsumerPosition {
    try inner.position(of: consumer, in: shard)
  }

  package func replica(of entity: EntityKey) throws(StoreError) -> StoredReplica? {
    try inner.replica(of: entity)
  }

  package func replicas(in bucket: ReplicaBucket) throws(StoreError) -> [StoredReplica] {
    try inner.replicas(in: bucket)
  }

  package func metadata(_ name: String) throws(StoreError) -> [UInt8]? {
    try inner.metadata(name)
  }

  package func close() { inner.close() }
}
