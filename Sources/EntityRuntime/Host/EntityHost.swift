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
  let configuration: EntityRuntimeConfiguration
  let store: any ShardStore
  let reader: NIOThreadPool
  let sink: HostCommitSink
  let room: StreamRoom<EntityInstance>
  private let function: any FunctionLink
  private let logger: Logger
  private let counters: EntityCounters

  var shards: [ShardID: HostedShard] = [:]
  /// Why shards that were here, or belong here, are not served.
  var refusals: [ShardID: String] = [:]
  var early = EarlyCommands<EarlyCommand>()
  /// Over all shards.
  private var entityCount = 0
  private var waitingCallers: [CommandTicket: Completion] = [:]
  private var lastTicket: UInt64 = 0
  /// Submitted batches without an outcome; of entities that were given up too.
  var uncommitted: [UInt64: SubmittedBatch] = [:]
  var lastToken: UInt64 = 0
  private var sweep: SweepTimer
  private var isStopping = false
  private var stopped: [() -> Void] = []

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
    room = StreamRoom(capacity: capacity, maximumWaiting: configuration.waitingEntities)
    sweep = SweepTimer(
      eventLoop: eventLoop,
      limits: configuration.passivationTimeout, configuration.commandTimeout,
      configuration.closeTimeout)
    sink = HostCommitSink(eventLoop: eventLoop)
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
    guard let hosted = shards[shard], hosted.phase == .serving else {
      let isKept = early.keep(
        EarlyCommand(command: command, completion: completion), bytes: command.payload.count,
        deadline: command.deadline, for: shard)
      if !isKept { completion(.error(refusal(of: shard))) }
      return
    }
    guard hosted.lease.held.count < configuration.heldAnswers else {
      let text = "it could not be confirmed for a while that this node still owns shard \(shard)"
      completion(.error(CommandError(.shardUnavailable, text + "; retry")))
      return
    }
    counters.commands.add(1, ordering: .relaxed)
    hosted.commandCount += 1
    lastTicket += 1
    let ticket = CommandTicket(lastTicket)
    waitingCallers[ticket] = completion
    instance(for: command, in: hosted).receive(command, ticket: ticket)
  }

  func refusal(of shard: ShardID) -> CommandError {
    let reason =
      shards[shard] == nil
      ? refusals[shard] ?? "this node does not run it (yet); retry"
      : "it is being handed over to another node; retry"
    return CommandError(.shardUnavailable, "shard \(shard) is not served: \(reason)")
  }

  private func instance(for command: EntityCommand, in shard: HostedShard) -> EntityInstance {
    if let known = shard.entities[command.entity] { return known }
    let instance = EntityInstance(
      key: command.entity, serviceName: command.serviceName,
      kind: configuration.kind(of: command.serviceName), shard: shard,
      limits: configuration.limits, host: self)
    shard.entities[command.entity] = instance
    entityCount += 1
    counters.activeEntities.add(1, ordering: .relaxed)
    room.add(instance)
    startSweeping()
    return instance
  }

  /// Answers a caller, or keeps the answer until the shard's lease is extended.
  func complete(_ ticket: CommandTicket, with answer: CommandAnswer, in shard: HostedShard) {
    guard shard.lease.admits(answer, now: now()) else {
      shard.lease.hold(answer, for: ticket, now: now())
      startSweeping()
      return
    }
    waitingCallers.removeValue(forKey: ticket)?(answer)
  }

  func give(_ answers: [AnswerLease.Held]) {
    for held in answers { waitingCallers.removeValue(forKey: held.ticket)?(held.answer) }
  }

  // MARK: Streams and the function

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

  // MARK: Time

  private func startSweeping() {
    let host = NIOLoopBound(self, eventLoop: eventLoop)
    sweep.start {
      host.value.sweepOnce()
      host.value.finishIfQuiet()
    }
  }

  // MARK: Ends

  /// The entity has ended by itself.
  func retire(_ instance: EntityInstance) {
    let shard = instance.shard
    // One that was given up is gone already.
    guard shard.remove(instance) else { return }
    forget(instance)
    finishHandOver(of: shard)
    finishIfQuiet()
  }

  /// The entity is in no shard any more.
  func forget(_ instance: EntityInstance) {
    instance.endMetering()
    room.remove(instance)
    entityCount -= 1
    counters.retired(isLast: entityCount == 0)
  }

  /// Lets all entities finish what is queued, then calls `completion` on this loop.
  func stop(completion: @escaping () -> Void) {
    isStopping = true
    stopped.append(completion)
    for command in early.takeAll() { command.completion(.error(EntityMachine.stopping)) }
    for instance in shards.values.flatMap(\.entities.values) { instance.stop() }
    finishIfQuiet()
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
    for batch in uncommitted.values { endBatch(batch) }
    uncommitted.removeAll()
    for shard in shards.values {
      shard.removeAll().forEach(forget)
      shard.takeHandOvers().forEach { $0() }
    }
    shards.removeAll()
    finishIfQuiet()
  }

  /// Nothing is left that may last too long.
  func finishIfQuiet() {
    guard entityCount == 0, shards.values.allSatisfy(\.lease.held.isEmpty) else { return }
    sweep.stop()
    guard isStopping else { return }
    // What is still uncommitted has nobody waiting for it.
    if uncommitted.isEmpty { sink.host = nil }
    let completions = stopped
    stopped = []
    completions.forEach { $0() }
  }
}
