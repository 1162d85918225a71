import CloudstateModel
import ShardReplication
import ShardStore

/// A node's store with its simulated disk, and what stands between it and everybody else on the product's nodes:
/// outcomes are held until the copies have the batches, and streams are shown as far as that
/// (`LoopOutcomes`, `ConfirmingStore`).
final class SimStore {
  private struct Submitted {
    let batch: ShardBatch
    let token: UInt64
  }

  let store: InMemoryShardStore
  let mailbox = Mailbox()
  let clock = CommitterClock()
  /// Gets the outcomes that entities wait for.
  let entitySink: MailboxSink
  private let heldSink: MailboxSink
  private let process: SimProcess
  private unowned let node: SimNode
  private var isScheduled = false
  /// Shards whose outcomes are held.
  private var held: [ShardID: HeldOutcomes] = [:]
  private var submitted: [UInt64: Submitted] = [:]
  private var lastToken: UInt64 = 0
  private enum View { case whole, upTo(Position) }

  /// How far shards may be read; others may not.
  private var visible: [ShardID: View] = [:]
  private var appends: [UInt64: (Result<CopyAppendOutcome, StoreError>) -> Void] = [:]
  private var lastTicket: UInt64 = 0
  var onCommitted: (ShardID, [SealedDelta]) -> Void = { _, _ in }
  /// The disk has failed under a shard.
  var onStopped: (ShardID, String) -> Void = { _, _ in }
  var onOpened: (ShardID, Epoch, Result<ShardEnd, StoreError>, UInt64) -> Void = { _, _, _, _ in }
  var onOutcomes: ([CommitOutcome]) -> Void = { _ in }

  init(_ node: SimNode) throws(StoreError) {
    self.node = node
    process = node.process
    entitySink = MailboxSink(mailbox, areHeld: false)
    heldSink = MailboxSink(mailbox, areHeld: true)
    var configuration = ShardStoreConfiguration()
    let clock = clock
    // All is written within one bucket: expiry is not simulated.
    configuration.now = { Timestamp(unixMilliseconds: 0) }
    store = try InMemoryShardStore(
      disk: node.disk, configuration: configuration, committing: .whenTold,
      fault: { clock.fault(at: $0) })
  }

  // MARK: Committing

  /// Something waits for the committer.
  func wake() {
    guard !isScheduled else { return }
    isScheduled = true
    process.after(node.diskLatency()) { [self] in
      isScheduled = false
      clock.set(process.now)
      store.commitPending()
      // What is durable now is told a little later; a crash in between loses the word.
      process.after(process.world.random.span(1_000...50_000)) { [self] in deliver() }
    }
  }

  private func deliver() {
    for event in mailbox.take() {
      switch event {
      case .committed(let outcomes): onOutcomes(outcomes)
      case .held(let outcomes): takeHeld(outcomes)
      case .opened(let shard, let epoch, let result, let promised):
        onOpened(shard, epoch, result, promised)
      case .appended(let ticket, let result): appends.removeValue(forKey: ticket)?(result)
      }
    }
  }

  // MARK: Shards

  func open(_ shard: ShardID, epoch: Epoch, isReplicated: Bool, leases: LeaseBook) {
    if isReplicated {
      if held[shard] == nil { held[shard] = HeldOutcomes() }
      if case .whole? = visible[shard] { visible[shard] = nil }
    } else if held[shard] == nil {
      visible[shard] = .whole
    }
    let waits = !node.has(.noLeaseWait)
    store.openShard(shard, epoch: epoch) { [mailbox] result in
      let promised = waits ? leases.end(of: shard, isReplicated: isReplicated) : 0
      mailbox.put(.opened(shard, epoch, result, promisedUntil: promised))
    }
    wake()
  }

  func close(_ shard: ShardID) {
    forget(shard)
    visible[shard] = nil
    store.closeShard(shard) {}
    wake()
  }

  /// - Parameter atOnce: before whatever a new primary sends.
  func drop(_ shard: ShardID, epoch: Epoch, atOnce: Bool) {
    visible[shard] = nil
    if atOnce { return drop(shard, epoch: epoch) }
    process.after(node.readLatency()) { [self] in
      if let end = try? store.end(of: shard), end.position == .start { return }
      drop(shard, epoch: epoch)
    }
  }

  private func drop(_ shard: ShardID, epoch: Epoch) {
    process.note("drops its copy of \(shard.index) under epoch \(epoch)")
    store.dropShard(shard, epoch: epoch) { _ in }
    wake()
  }

  /// Keeps this node's copy of a shard as its primary says; `completion` runs when that is synced.
  ///
  /// - Parameter leases: where to note the lease that the answer grants.
  func append(
    _ append: CopyAppend, releasesLease: Bool = false, leases: LeaseBook?,
    completion: @escaping (Result<CopyAppendOutcome, StoreError>) -> Void
  ) {
    lastTicket += 1
    let ticket = lastTicket
    appends[ticket] = completion
    let shard = append.shard
    store.append(append) { [mailbox, clock] result in
      switch result {
      case .success(.appended), .success(.mismatch):
        if releasesLease {
          leases?.release(shard)
        } else {
          leases?.promise(shard, now: clock.now)
        }
      case .success(.higherEpoch), .failure: break
      }
      mailbox.put(.appended(ticket: ticket, result))
    }
    wake()
  }

  // MARK: Batches

  func submit(_ batch: ShardBatch, token: UInt64) {
    if held[batch.shard] != nil {
      lastToken += 1
      submitted[lastToken] = Submitted(batch: batch, token: token)
      store.submit(batch, token: lastToken, to: heldSink)
    } else {
      store.submit(batch, token: token, to: entitySink)
    }
    wake()
  }

  private func takeHeld(_ outcomes: [CommitOutcome]) {
    var committed: [(shard: ShardID, deltas: [SealedDelta])] = []
    var failed: [(shard: ShardID, error: StoreError)] = []
    for outcome in outcomes {
      guard let known = submitted.removeValue(forKey: outcome.token) else { continue }
      let shard = known.batch.shard
      var result = outcome.result
      if case .success(let position) = result {
        if held[shard] != nil {
          let delta = ShardDelta(of: known.batch, at: position, time: outcome.time)
          let sealed = SealedDelta(
            position: position, epoch: delta.epoch, bytes: delta.sealed(in: shard))
          if let place = committed.firstIndex(where: { $0.shard == shard }) {
            committed[place].deltas.append(sealed)
          } else {
            committed.append((shard, [sealed]))
          }
        } else {
          result = .failure(StoreError(.unconfirmed, "the shard was closed"))
        }
      }
      let own = CommitOutcome(token: known.token, result: result, time: outcome.time)
      if case .failure(let error) = result, !failed.contains(where: { $0.shard == shard }) {
        failed.append((shard, error))
      }
      if held[shard] != nil, !node.has(.confirmAlone) {
        held[shard]?.append(own, for: entitySink)
      } else {
        onOutcomes([own])
      }
    }
    for (shard, deltas) in committed { onCommitted(shard, deltas) }
    for (shard, error) in failed {
      give(held[shard]?.take(upTo: .start) ?? [])
      if error.code == .writeFailed || error.code == .shardStopped {
        onStopped(shard, error.message)
      }
    }
  }

  func isHeld(_ shard: ShardID) -> Bool { held[shard] != nil }

  func confirm(_ shard: ShardID, upTo position: Position) {
    if held[shard] != nil { visible[shard] = .upTo(position) }
    give(held[shard]?.take(upTo: position) ?? [])
  }

  func failUnconfirmed(_ shard: ShardID, because reason: String) {
    give(held[shard]?.takeAll(failing: StoreError(.unconfirmed, reason)) ?? [])
  }

  private func forget(_ shard: ShardID) {
    failUnconfirmed(shard, because: "the shard was closed")
    held[shard] = nil
  }

  private func give(_ outcomes: [HeldOutcomes.Outcome]) {
    if !outcomes.isEmpty { onOutcomes(outcomes.map(\.outcome)) }
  }

  // MARK: Reading

  /// What a reader of the stream is shown.
  func stream(of shard: ShardID, after position: Position) throws(StoreError) -> [StreamBatch] {
    let batches = try store.stream(of: shard, after: position, byteLimit: 16 << 10)
    if node.has(.showUnconfirmed) { return batches }
    switch visible[shard] {
    case .whole?: return batches
    case .upTo(let bound)?: return batches.filter { $0.position <= bound }
    case nil: throw StoreError(.shardNotOpen, "it is not served here")
    }
  }

  /// All batches of this node's copy.
  func allDeltas(of shard: ShardID, after position: Position = .start) -> [ShardDelta] {
    (try? store.deltas(of: shard, after: position, byteLimit: .max)) ?? []
  }
}
