import CloudstateModel
import EntityRuntime
import ShardStore

/// A shard as the host serves it: the product's `HostedShard`.
final class SimHostedShard {
  enum Phase { case serving, handingOver }

  let id: ShardID
  var epoch: Epoch
  var phase = Phase.serving
  var lease: AnswerLease
  var entities: [EntityKey: SimEntity] = [:]
  private var leaving = 0
  private var handOvers: [() -> Void] = []

  init(_ id: ShardID, epoch: Epoch, leaseEnd: UInt64) {
    self.id = id
    self.epoch = epoch
    lease = AnswerLease(end: leaseEnd)
  }

  /// The entities in the order of their names.
  var all: [SimEntity] {
    entities.values.sorted { $0.key.entityID < $1.key.entityID }
  }

  func handOver(completion: @escaping () -> Void) {
    phase = .handingOver
    handOvers.append(completion)
    let leaving = all
    for entity in leaving where !entity.isLeaving {
      entity.isLeaving = true
      self.leaving += 1
    }
    for entity in leaving { entity.handOver() }
  }

  /// - Returns: whether the entity was there.
  func remove(_ entity: SimEntity) -> Bool {
    guard entities[entity.key] === entity else { return false }
    entities[entity.key] = nil
    if entity.isLeaving { leaving -= 1 }
    return true
  }

  func removeAll() -> [SimEntity] {
    let taken = all
    entities = [:]
    leaving = 0
    return taken
  }

  var hasHandedOver: Bool {
    !handOvers.isEmpty && leaving == 0 && (phase == .serving || lease.held.isEmpty)
  }

  func takeHandOvers() -> [() -> Void] {
    defer { handOvers = [] }
    return handOvers
  }
}

/// The entities of a node: the product's `EntityHost`.
final class SimHost {
  private static let commandTimeout = 5 * Span.second
  private static let closeTimeout = 2 * Span.second
  private static let sweepInterval = 500 * Span.millisecond

  unowned let run: NodeRun
  let process: SimProcess
  let function: SimFunction
  private var shards: [ShardID: SimHostedShard] = [:]
  private var refusals: [ShardID: String] = [:]
  private var waitingCallers: [CommandTicket: (CommandAnswer) -> Void] = [:]
  private var lastTicket: UInt64 = 0
  private var uncommitted: [UInt64: SimEntity] = [:]
  private var lastToken: UInt64 = 0

  init(_ run: NodeRun) {
    self.run = run
    process = run.process
    function = SimFunction(run)
  }

  func begin() {
    process.afterOwn(Self.sweepInterval) { [self] in
      sweep()
      begin()
    }
  }

  // MARK: Commands

  func submit(
    _ command: EntityCommand, shard: ShardID, completion: @escaping (CommandAnswer) -> Void
  ) {
    guard let hosted = shards[shard], hosted.phase == .serving else {
      let reason = refusals[shard] ?? "this node does not run it"
      return completion(.error(CommandError(.shardUnavailable, reason)))
    }
    run.shards.tookCommand(of: shard)
    lastTicket += 1
    let ticket = CommandTicket(lastTicket)
    waitingCallers[ticket] = completion
    entity(for: command, in: hosted).receive(command, ticket: ticket)
  }

  private func entity(for command: EntityCommand, in shard: SimHostedShard) -> SimEntity {
    if let known = shard.entities[command.entity] { return known }
    let entity = SimEntity(command.entity, in: shard, of: self)
    shard.entities[command.entity] = entity
    return entity
  }

  /// Answers a caller, or keeps the answer until the shard's lease is extended.
  func complete(
    _ ticket: CommandTicket, with answer: CommandAnswer, in shard: SimHostedShard
  ) {
    guard shard.lease.admits(answer, now: process.freshNow) || run.has(.ignoreLease) else {
      shard.lease.hold(answer, for: ticket, now: process.freshNow)
      return
    }
    waitingCallers.removeValue(forKey: ticket)?(answer)
  }

  private func give(_ answers: [AnswerLease.Held]) {
    for held in answers { waitingCallers.removeValue(forKey: held.ticket)?(held.answer) }
  }

  // MARK: The store

  func commit(_ order: CommitOrder, of entity: SimEntity) {
    lastToken += 1
    uncommitted[lastToken] = entity
    let time = Int64(clamping: process.freshNow / Span.millisecond)
    run.store.submit(
      ShardBatch(
        shard: entity.shard.id, epoch: order.epoch, entity: entity.key,
        time: Timestamp(unixMilliseconds: time), firstSequence: order.firstSequence,
        events: order.events, snapshot: order.snapshot,
        idempotency: order.remember.map {
          IdempotencyRecord(
            key: $0.key, commandFingerprint: $0.fingerprint, answer: AnswerCodec.bytes($0.answer))
        }), token: lastToken)
  }

  func completed(_ outcomes: [CommitOutcome]) {
    for outcome in outcomes {
      uncommitted.removeValue(forKey: outcome.token)?.committed(outcome.result)
    }
  }

  // MARK: Shards

  func serve(_ shard: ShardID, epoch: Epoch, leaseEnd: UInt64) {
    refusals[shard] = nil
    guard let known = shards[shard] else {
      shards[shard] = SimHostedShard(shard, epoch: epoch, leaseEnd: leaseEnd)
      return
    }
    known.epoch = epoch
    known.phase = .serving
    extendLease(of: shard, to: leaseEnd)
  }

  func extendLease(of shard: ShardID, to leaseEnd: UInt64) {
    guard let hosted = shards[shard] else { return }
    give(hosted.lease.extend(to: leaseEnd, now: process.freshNow))
    finishHandOver(of: hosted)
  }

  func handOver(_ shard: ShardID, completion: @escaping () -> Void) {
    guard let hosted = shards[shard] else { return completion() }
    hosted.handOver(completion: completion)
    finishHandOver(of: hosted)
  }

  private func finishHandOver(of shard: SimHostedShard) {
    guard shard.hasHandedOver else { return }
    if shard.phase == .handingOver {
      shards[shard.id] = nil
      refusals[shard.id] = "it was handed over to another node"
    }
    shard.takeHandOvers().forEach { $0() }
  }

  func giveUp(_ shard: ShardID, because reason: String) {
    refusals[shard] = reason
    guard let hosted = shards.removeValue(forKey: shard) else { return }
    for entity in hosted.removeAll() { entity.giveUp(because: reason) }
    give(hosted.lease.giveUp(because: reason))
    hosted.takeHandOvers().forEach { $0() }
  }

  func retire(_ entity: SimEntity) {
    guard entity.shard.remove(entity) else { return }
    finishHandOver(of: entity.shard)
  }

  // MARK: Time

  private func sweep() {
    let now = process.now
    for shard in shards.values.sorted(by: { $0.id < $1.id }) {
      for entity in shard.all {
        entity.sweep(
          now: now, commandLimit: Self.commandTimeout, closeLimit: Self.closeTimeout,
          passivationLimit: run.cluster.settings.passivation)
      }
      guard !shard.lease.held.isEmpty else { continue }
      give(shard.lease.expire(after: Self.commandTimeout, now: process.freshNow))
      finishHandOver(of: shard)
    }
  }
}
