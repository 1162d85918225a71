import CloudstateModel
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import ShardStore
import Synchronization

/// The entities of one event loop: everything of a shard lives on one host, without locks (design section
/// 5.1). Not `Sendable`: only its loop may touch it.
final class EntityHost: StoppableHost {
  typealias Completion = @Sendable (CommandAnswer) -> Void

  let eventLoop: any EventLoop
  private let configuration: EntityRuntimeConfiguration
  private let store: any ShardStore
  private let function: any FunctionLink
  private let reader: NIOThreadPool
  private let logger: Logger
  private let sink: HostCommitSink

  private var epochs: [ShardID: Epoch] = [:]
  /// Why shards that belong here are not served.
  private var refusals: [ShardID: String] = [:]
  private var entities: [EntityKey: EntityInstance] = [:]
  private let room: StreamRoom<EntityInstance>
  private var waitingCallers: [CommandTicket: Completion] = [:]
  private var lastTicket: UInt64 = 0
  private var uncommitted: [UInt64: EntityInstance] = [:]
  private var lastToken: UInt64 = 0
  private var sweep: SweepTimer
  private var isStopping = false
  private var stopped: [() -> Void] = []
  private let counters: EntityCounters

  /// - Parameter capacity: streams this host may hold at once; `nil` for no limit.
  init(
    eventLoop: any EventLoop, configuration: EntityRuntimeConfiguration, capacity: Int?,
    store: any ShardStore, function: any FunctionLink, reader: NIOThreadPool,
    counters: EntityCounters, logger: Logger
  ) {
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.store = store
    self.function = function
    self.reader = reader
    self.counters = counters
    self.logger = logger
    self.room = StreamRoom(capacity: capacity, maximumWaiting: configuration.waitingEntities)
    self.sweep = SweepTimer(
      eventLoop: eventLoop,
      limits: configuration.passivationTimeout, configuration.commandTimeout,
      configuration.closeTimeout)
    self.sink = HostCommitSink(eventLoop: eventLoop)
    sink.host = NIOLoopBound(self, eventLoop: eventLoop)
  }

  func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

  // MARK: Commands

  /// Takes a command for a shard of this host. `completion` is called exactly once, on this loop.
  func submit(_ command: EntityCommand, shard: ShardID, completion: @escaping Completion) {
    guard !isStopping else {
      completion(.error(EntityMachine.stopping))
      return
    }
    guard let epoch = epochs[shard] else {
      let reason = refusals[shard] ?? "this node does not run it (yet); retry"
      completion(
        .error(CommandError(.shardUnavailable, "shard \(shard) is not served: \(reason)")))
      return
    }
    counters.commands.add(1, ordering: .relaxed)
    lastTicket += 1
    let ticket = CommandTicket(lastTicket)
    waitingCallers[ticket] = completion
    instance(for: command, shard: shard, epoch: epoch).receive(command, ticket: ticket)
  }

  private func instance(
    for command: EntityCommand, shard: ShardID, epoch: Epoch
  ) -> EntityInstance {
    if let known = entities[command.entity] { return known }
    let instance = EntityInstance(
      key: command.entity, serviceName: command.serviceName,
      kind: configuration.kind(of: command.serviceName), shard: shard, epoch: epoch,
      limits: configuration.limits, host: self)
    entities[command.entity] = instance
    counters.activeEntities.add(1, ordering: .relaxed)
    room.add(instance)
    startSweeping()
    return instance
  }

  func complete(_ ticket: CommandTicket, with answer: CommandAnswer) {
    waitingCallers.removeValue(forKey: ticket)?(answer)
  }

  /// The shard's commands are welcome from now on.
  func own(_ shard: ShardID, epoch: Epoch) {
    epochs[shard] = epoch
    refusals[shard] = nil
  }

  /// The shard belongs here and cannot be served.
  func refuse(_ shard: ShardID, because reason: String) { refusals[shard] = reason }

  // MARK: Streams

  var isContended: Bool { room.isContended }

  func requestStream(for instance: EntityInstance) { room.requestStream(for: instance) }
  func makeRoom() { room.makeRoom() }
  func releaseStream() { room.release() }
  func touched(_ instance: EntityInstance) { room.touched(instance) }

  func openStream(handler: EntityInstance) -> any GRPCClientStream {
    function.openStream(
      path: FunctionCodec.handlePath(handler.kind), deadline: nil, handler: handler)
  }

  func streamEnd(_ status: GRPCStatus) -> StreamEnd { function.streamEnd(status) }

  func encode(_ kind: StatefulKind, id: Int64, _ command: EntityCommand) -> ByteBuffer {
    FunctionCodec.commandMessage(
      kind, id: id, command,
      passesMetadata: configuration.passesMetadata || command.metadataIsForFunction)
  }

  func report(_ text: String) {
    logger.warning("user function: \(text)")
    function.report(text)
  }

  // MARK: Store

  func commit(_ order: CommitOrder, of instance: EntityInstance) {
    lastToken += 1
    uncommitted[lastToken] = instance
    let batch = ShardBatch(
      shard: instance.shard, epoch: instance.epoch, entity: instance.key,
      time: ShardStoreConfiguration.systemTime(),
      firstSequence: order.firstSequence, events: order.events, snapshot: order.snapshot,
      idempotency: order.remember.map {
        IdempotencyRecord(
          key: $0.key, commandFingerprint: $0.fingerprint, answer: AnswerCodec.bytes($0.answer))
      })
    store.submit(batch, token: lastToken, to: sink)
  }

  func completed(_ outcomes: [CommitOutcome]) {
    for outcome in outcomes {
      uncommitted.removeValue(forKey: outcome.token)?.committed(outcome.result)
    }
  }

  func lookUp(_ key: String, of instance: EntityInstance) -> KeyLookup {
    do {
      guard let record = try store.idempotencyRecord(key, of: instance.key, in: instance.shard)
      else { return .absent }
      guard var answer = AnswerCodec.answer(bytes: record.answer) else {
        return .failed(
          StoreError(.corruptRecord, "the answer kept under idempotency key \(key) is unreadable"))
      }
      answer.commitment?.position = record.position
      return .remembered(fingerprint: record.commandFingerprint, answer)
    } catch {
      return .failed(error)
    }
  }

  /// Reads a page of the journal on the reader threads and hands it over on this loop.
  func readJournal(
    of instance: EntityInstance, after sequence: SequenceNumber?,
    completion: @escaping (Result<RecoveryPage, StoreError>) -> Void
  ) {
    let (store, key, shard) = (store, instance.key, instance.shard)
    let limit = configuration.replayPageBytes
    let isValue = instance.kind == .value
    let wantsSnapshot = sequence == nil && (isValue || configuration.usesSnapshots)
    reader.runIfActive(eventLoop: eventLoop) { () -> Result<RecoveryPage, StoreError> in
      do throws(StoreError) {
        let snapshot = wantsSnapshot ? try store.snapshot(of: key, in: shard) : nil
        // The newest change of a value is the value.
        if isValue { return .success(RecoveryPage(snapshot: snapshot, events: [], hasMore: false)) }
        let start = sequence ?? snapshot?.sequence ?? .none
        let events = try store.events(of: key, in: shard, after: start, byteLimit: limit)
        // Only the store knows where it cut the page.
        var hasMore = false
        if let last = events.last {
          hasMore = try !store.events(of: key, in: shard, after: last.sequence, byteLimit: 0)
            .isEmpty
        }
        return .success(RecoveryPage(snapshot: snapshot, events: events, hasMore: hasMore))
      } catch {
        return .failure(error)
      }
    }.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let page): completion(page)
      case .failure: completion(.failure(StoreError(.closed, "the node is stopping")))
      }
    }
  }

  // MARK: Time

  private func startSweeping() {
    let host = NIOLoopBound(self, eventLoop: eventLoop)
    sweep.start { host.value.sweepOnce() }
  }

  /// Ends what has lasted too long. The list is ordered by activity, so the walk stops at the first entity
  /// that was active recently; those that this sweep itself moved to the end of the list are among them.
  private func sweepOnce() {
    let now = now()
    let commandLimit = configuration.commandTimeout.inNanoseconds
    let closeLimit = configuration.closeTimeout.inNanoseconds
    let shortest = configuration.passivationTimeouts.values.reduce(
      min(
        configuration.passivationTimeout, configuration.commandTimeout, configuration.closeTimeout),
      min
    ).inNanoseconds
    var candidate = room.activity.oldest
    while let instance = candidate, now.since(instance.lastActivity) >= shortest {
      candidate = instance.next
      let age = now.since(instance.lastActivity)
      if let sentAt = instance.commandSentAt {
        if now.since(sentAt) >= commandLimit { instance.commandTimedOut() }
      } else if let since = instance.recoveringSince {
        if now.since(since) >= commandLimit { instance.recoveryTimedOut() }
      } else if instance.isClosing {
        if age >= closeLimit { instance.closeTimedOut() }
      } else if instance.isIdle,
        age >= configuration.passivationTimeout(of: instance.serviceName).inNanoseconds
      {
        _ = instance.passivate()
      }
    }
  }

  // MARK: Ends

  func retire(_ instance: EntityInstance) {
    guard entities[instance.key] === instance else { return }
    entities.removeValue(forKey: instance.key)
    room.remove(instance)
    counters.retired(isLast: entities.isEmpty)
    if entities.isEmpty {
      sweep.stop()
      finishStopping()
    }
  }

  /// Lets all entities finish what is queued, then calls `completion` on this loop.
  func stop(completion: @escaping () -> Void) {
    isStopping = true
    stopped.append(completion)
    for instance in Array(entities.values) { instance.stop() }
    if entities.isEmpty { finishStopping() }
  }

  /// Gives up on what has not finished: its callers get an error, and entities are let go of. What has been
  /// given to the store may still become durable.
  func abandon() {
    let unknown = CommandError(
      .outcomeUnknown,
      "the node stopped before the outcome was known; repeat the command with the same idempotency key"
    )
    for completion in waitingCallers.values { completion(.error(unknown)) }
    waitingCallers.removeAll()
    uncommitted.removeAll()
    for instance in entities.values { room.remove(instance) }
    counters.activeEntities.subtract(entities.count, ordering: .relaxed)
    entities.removeAll()
    sweep.stop()
    finishStopping()
  }

  private func finishStopping() {
    guard isStopping else { return }
    // What is still uncommitted has nobody waiting for it.
    if uncommitted.isEmpty { sink.host = nil }
    let completions = stopped
    stopped = []
    completions.forEach { $0() }
  }
}

extension UInt64 {
  /// The nanoseconds since another moment of the same clock; 0 if that is later.
  fileprivate func since(_ earlier: UInt64) -> UInt64 { self > earlier ? self - earlier : 0 }
}

/// Hands commit outcomes from the committer thread to the host's loop, one hop per sync.
final class HostCommitSink: CommitSink, @unchecked Sendable {
  // `host` is set before the sink is given to any store, and afterwards touched only on its loop.
  let eventLoop: any EventLoop
  /// Unset when the host has stopped; until then the two keep each other alive. A weak reference would
  /// make every retain of the host, which is on the way of each command, a slow one.
  var host: NIOLoopBound<EntityHost>?

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func completed(_ outcomes: [CommitOutcome]) {
    eventLoop.execute { self.host?.value.completed(outcomes) }
  }
}
