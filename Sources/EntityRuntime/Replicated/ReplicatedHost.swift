import CloudstateModel
import GRPCTransport
import Logging
import NIOCore
import Synchronization

/// The replicated entities of one event loop. Not `Sendable`: only its loop may touch it.
final class ReplicatedHost: StoppableHost {
  typealias Caller = @Sendable (CallerNews) -> Void

  let eventLoop: any EventLoop
  let replicas: any ReplicaPort
  private let configuration: ReplicatedRuntimeConfiguration
  private let function: any FunctionLink
  private let effects: EffectRunner
  private let logger: Logger
  private let counters: EntityCounters

  private var entities: [EntityKey: ReplicatedInstance] = [:]
  private let room: StreamRoom<ReplicatedInstance>
  private var callers: [CommandTicket: (caller: Caller, entity: EntityKey)] = [:]
  private var lastTicket: UInt64 = 0
  private var sweep: SweepTimer
  private var isStopping = false
  private var stopped: [() -> Void] = []

  init(
    eventLoop: any EventLoop, configuration: ReplicatedRuntimeConfiguration, capacity: Int?,
    replicas: any ReplicaPort, function: any FunctionLink, effects: @escaping EffectRunner,
    counters: EntityCounters, logger: Logger
  ) {
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.replicas = replicas
    self.function = function
    self.effects = effects
    self.counters = counters
    self.logger = logger
    self.room = StreamRoom(capacity: capacity, maximumWaiting: configuration.waitingEntities)
    self.sweep = SweepTimer(
      eventLoop: eventLoop,
      limits: configuration.passivationTimeout, configuration.commandTimeout,
      configuration.closeTimeout)
  }

  func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

  // MARK: Commands

  /// Takes a command. `caller` hears of it on this loop until its end.
  func submit(
    _ command: EntityCommand, isStreamed: Bool, caller: @escaping Caller
  ) -> CommandTicket? {
    guard !isStopping else {
      caller(.end(EntityMachine.stopping))
      return nil
    }
    counters.commands.add(1, ordering: .relaxed)
    lastTicket += 1
    let ticket = CommandTicket(lastTicket)
    callers[ticket] = (caller, command.entity)
    instance(for: command).receive(command, ticket: ticket, isStreamed: isStreamed)
    return ticket
  }

  /// The caller of a streamed command wants no more.
  func cancel(_ ticket: CommandTicket) {
    guard let (_, entity) = callers.removeValue(forKey: ticket) else { return }
    entities[entity]?.callerLeft(ticket)
  }

  private func instance(for command: EntityCommand) -> ReplicatedInstance {
    if let known = entities[command.entity] { return known }
    let service = configuration.services[command.serviceName]
    let instance = ReplicatedInstance(
      key: command.entity, serviceName: command.serviceName,
      codec: CrdtCodec(service?.dialect ?? .current),
      passesMetadata: configuration.passesMetadata, limits: configuration.limits, host: self)
    entities[command.entity] = instance
    counters.activeEntities.add(1, ordering: .relaxed)
    room.add(instance)
    startSweeping()
    return instance
  }

  func tell(_ ticket: CommandTicket, _ news: CallerNews) {
    guard let (caller, _) = callers[ticket] else {
      // The caller left in the same moment. What it caused happens all the same.
      if case .answer(let answer, _) = news { runEffects(answer.effects, of: "a caller that left") }
      return
    }
    switch news {
    case .answer(_, isLast: false): caller(news)
    case .answer(_, isLast: true), .end:
      callers[ticket] = nil
      caller(news)
    }
  }

  func runEffects(_ effects: [SideEffect], of serviceName: String) {
    guard !effects.isEmpty else { return }
    self.effects(effects, serviceName, eventLoop)
  }

  // MARK: Streams

  var isContended: Bool { room.isContended }

  func requestStream(for instance: ReplicatedInstance) { room.requestStream(for: instance) }
  func makeRoom() { room.makeRoom() }
  func releaseStream() { room.release() }
  func touched(_ instance: ReplicatedInstance) { room.touched(instance) }

  func openStream(handler: ReplicatedInstance) -> any GRPCClientStream {
    function.openStream(path: CrdtCodec.handlePath, deadline: nil, handler: handler)
  }

  func streamEnd(_ status: GRPCStatus) -> StreamEnd { function.streamEnd(status) }

  func report(_ text: String) {
    logger.warning("user function: \(text)")
    function.report(text)
  }

  // MARK: Time

  private func startSweeping() {
    let host = NIOLoopBound(self, eventLoop: eventLoop)
    sweep.start { host.value.sweepOnce() }
  }

  /// Ends what has lasted too long.
  private func sweepOnce() {
    let now = now()
    for instance in Array(entities.values) {
      let age = now > instance.lastActivity ? now - instance.lastActivity : 0
      if let askedAt = instance.oldestRequestAt {
        let limit = configuration.commandTimeout.inNanoseconds
        if now > askedAt, now - askedAt >= limit { instance.answerOverdue(before: now - limit) }
      } else if let since = instance.closingSince {
        // Commands that come meanwhile, or changes elsewhere, do not put it off.
        if now > since, now - since >= configuration.closeTimeout.inNanoseconds {
          instance.closeOverdue()
        }
      } else if instance.isIdle,
        age >= configuration.passivationTimeout(of: instance.serviceName).inNanoseconds
      {
        _ = instance.passivate()
      }
    }
  }

  // MARK: Ends

  func retire(_ instance: ReplicatedInstance) {
    guard entities[instance.key] === instance else { return }
    entities.removeValue(forKey: instance.key)
    room.remove(instance)
    counters.retired(isLast: entities.isEmpty)
    if entities.isEmpty {
      sweep.stop()
      finishStopping()
    }
  }

  /// Lets all entities finish what they were asked, then calls `completion` on this loop.
  func stop(completion: @escaping () -> Void) {
    isStopping = true
    stopped.append(completion)
    for instance in Array(entities.values) { instance.stop() }
    if entities.isEmpty { finishStopping() }
  }

  /// Gives up on what has not finished.
  func abandon() {
    for (caller, _) in callers.values {
      caller(
        .end(
          CommandError(.outcomeUnknown, "the node stopped before the outcome was known")))
    }
    callers.removeAll()
    entities.values.forEach(room.remove)
    counters.activeEntities.subtract(entities.count, ordering: .relaxed)
    entities.removeAll()
    sweep.stop()
    finishStopping()
  }

  private func finishStopping() {
    let completions = stopped
    stopped.removeAll()
    for completion in completions { completion() }
  }
}
