package import CloudstateModel
import Logging
import Synchronization

/// The twin of ``RocksDBShardStore`` without a disk: the same queue, ledger and outcomes, for tests and
/// simulations.
package final class InMemoryShardStore: ShardCopies {
  /// Who commits what is queued.
  package enum Committing: Sendable {
    /// A thread of the store's own, as in the real one.
    case onThread
    /// Whoever calls ``InMemoryShardStore/commitPending()``, so that a simulation decides when. Opening
    /// a shard, storing a consumer's position and closing commit what is pending too.
    case whenTold
  }

  let disk: InMemoryDisk
  let queue: CommitQueue
  let board = CommitBoard()
  private let thread: CommitterThread?
  private let manual: ManualCommitter?
  let configuration: ShardStoreConfiguration
  let retention: IdempotencyRetention
  private let isClosed = Mutex(false)

  /// Opens a store on a disk, by default an empty one of its own with a committer thread.
  ///
  /// - Parameter fault: makes commits fail.
  /// - Throws: `.cannotOpen` if the system has no thread left.
  package init(
    disk: InMemoryDisk = InMemoryDisk(),
    configuration: ShardStoreConfiguration = ShardStoreConfiguration(),
    committing: Committing = .onThread, fault: CommitFault? = nil
  ) throws(StoreError) {
    let queue = CommitQueue(configuration)
    let retention = IdempotencyRetention(configuration.idempotencyRetention)
    let makeCycle: @Sendable (CommitBoard) -> CommitCycle<InMemoryBackend> = { board in
      CommitCycle(
        backend: InMemoryBackend(disk: disk, retention: retention, fault: fault), board: board,
        configuration: configuration,
        logger: Logger(label: "cloudstate.store.memory") { _ in SwiftLogNoOpLogHandler() })
    }
    disk.surface()
    self.disk = disk
    self.queue = queue
    self.configuration = configuration
    self.retention = retention
    switch committing {
    case .onThread:
      manual = nil
      thread = try CommitterThread { [board] in
        var cycle = makeCycle(board)
        var entries: [CommitEntry] = []
        while queue.take(into: &entries) {
          cycle.process(entries)
          entries.removeAll(keepingCapacity: true)
        }
      }
    case .whenTold:
      thread = nil
      manual = ManualCommitter(queue: queue, cycle: makeCycle(board))
    }
  }

  /// A store that was not closed commits what is queued and ends its thread.
  deinit { queue.close() }

  // MARK: Writing

  /// With ``Committing/whenTold``: commits and reports what is queued, on the calling thread, until the
  /// queue is empty. Not to be called from a sink or a listener. Does nothing otherwise.
  package func commitPending() { manual?.commitPending() }

  @discardableResult
  package func openShard(_ shard: ShardID, epoch: Epoch) throws(StoreError) -> Position {
    let answer = AwaitedAnswer<ShardEnd>()
    guard queue.add(.open(shard, epoch, answer.fulfil)) else { throw .closed }
    commitPending()
    return try answer.wait().position
  }

  package func submit(_ batch: ShardBatch, token: UInt64, to sink: any CommitSink) {
    queue.submit(batch, token: token, to: sink)
  }

  package func submit(_ write: ReplicaWrite, token: UInt64, to sink: any CommitSink) {
    queue.submit(write, token: token, to: sink)
  }

  package func addCommitListener(
    _ listener: @escaping @Sendable ([ShardID: Position]) -> Void
  ) {
    board.addListener(listener)
  }

  package func setPosition(
    _ position: ConsumerPosition, of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError) {
    let answer = AwaitedAnswer<Void>()
    guard queue.add(.consumer(position, consumer, shard, answer.fulfil)) else { throw .closed }
    commitPending()
    try answer.wait()
  }

  package func setMetadata(_ name: String, to value: [UInt8]) throws(StoreError) {
    try checkOpen()
    disk.contents.withLock { $0.documents[Array(name.utf8)] = value }
  }

  // MARK: Reading

  package func lastPosition(of shard: ShardID) throws(StoreError) -> Position {
    try checkOpen()
    if let known = board.end(of: shard) { return known.position }
    return withShard(shard) { $0?.end.position ?? .start }
  }

  package func snapshot(
    of entity: EntityKey, in shard: ShardID
  ) throws(StoreError) -> StoredSnapshot? {
    try checkOpen()
    let key = StoreKey.snapshot(shard, entity).bytes
    return withShard(shard) { $0?.entities[key]?.snapshot }
  }

  package func events(
    of entity: EntityKey, in shard: ShardID, after sequence: SequenceNumber, byteLimit: Int
  ) throws(StoreError) -> [StoredEvent] {
    try checkOpen()
    let key = StoreKey.snapshot(shard, entity).bytes
    let all = withShard(shard) { $0?.entities[key]?.events ?? [] }
    return prefix(
      of: all.dropFirst(Int(max(sequence, .none).number)), within: byteLimit
    ) { $0.payload.approximateBytes }
  }

  package func idempotencyRecord(
    _ key: String, of entity: EntityKey, in shard: ShardID
  ) throws(StoreError) -> IdempotencyRecord? {
    try checkOpen()
    let recordKey = StoreKey.idempotency(shard, entity, key: key).bytes
    guard
      let kept = withShard(shard, { $0?.answers[recordKey] }),
      !retention.isExpired(kept.time, now: configuration.now())
    else { return nil }
    return IdempotencyRecord(
      key: key, commandFingerprint: kept.commandFingerprint, answer: kept.answer,
      position: kept.position)
  }

  package func stream(
    of shard: ShardID, after position: Position, byteLimit: Int
  ) throws(StoreError) -> [StreamBatch] {
    try checkOpen()
    let batches = withShard(shard) { contents -> [StreamBatch] in
      guard let contents, position.number < UInt64(contents.stream.count) else { return [] }
      return contents.stream.indices.dropFirst(Int(position.number)).map { index in
        let record = contents.stream[index]
        return StreamBatch(
          position: Position(UInt64(index + 1)), epoch: record.epoch, time: record.time,
          entity: record.entity, events: contents.events(of: record, in: shard))
      }
    }
    return prefix(of: batches[...], within: byteLimit) { $0.approximateBytes }
  }

  package func firstPosition(
    of shard: ShardID, since time: Timestamp
  ) throws(StoreError) -> Position {
    try checkOpen()
    return withShard(shard) { contents in
      let stream = contents?.stream ?? []
      let index = stream.firstIndex { $0.time >= time } ?? stream.endIndex
      return Position(UInt64(index + 1))
    }
  }

  package func position(
    of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError) -> ConsumerPosition {
    try checkOpen()
    let key = StoreKey.consumer(shard, consumer).bytes
    return withShard(shard) { $0?.consumers[key] } ?? .start
  }

  package func metadata(_ name: String) throws(StoreError) -> [UInt8]? {
    try checkOpen()
    return disk.contents.withLock { $0.documents[Array(name.utf8)] }
  }

  package func replica(of entity: EntityKey) throws(StoreError) -> StoredReplica? {
    try checkOpen()
    let key = KeyRange.replica(of: entity).lower
    return disk.contents.withLock { $0.replicas[key]?.stored }
  }

  package func replicas(in bucket: ReplicaBucket) throws(StoreError) -> [StoredReplica] {
    try checkOpen()
    return disk.contents.withLock { contents in
      contents.replicas.filter { ReplicaBucket(of: $0.value.entity) == bucket }
        .sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value.stored)
    }
  }

  // MARK: Closing

  package func close() {
    isClosed.withLock { isClosed in
      queue.close()
      commitPending()
      thread?.waitUntilEnded()
      isClosed = true
    }
  }

  func checkOpen() throws(StoreError) {
    guard !isClosed.withLock({ $0 }) else { throw .closed }
  }

  func withShard<Answer: Sendable>(
    _ shard: ShardID, _ body: (InMemoryDisk.Shard?) -> Answer
  ) -> Answer {
    disk.contents.withLock { body($0.shards[shard]) }
  }
}

extension InMemoryDisk.Replica {
  fileprivate var stored: StoredReplica {
    StoredReplica(
      entity: entity, parts: (whole.map { [$0] } ?? []) + deltas, lastNumber: UInt64(deltas.count))
  }
}

/// As many elements as fit into `limit` bytes, but at least one if there is one.
func prefix<Element>(
  of elements: ArraySlice<Element>, within limit: Int, size: (Element) -> Int
) -> [Element] {
  var bytes = 0
  var answer: [Element] = []
  for element in elements {
    bytes += size(element)
    if !answer.isEmpty && bytes > limit { break }
    answer.append(element)
  }
  return answer
}
