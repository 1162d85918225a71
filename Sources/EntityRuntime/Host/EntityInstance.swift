import CloudstateModel
import GRPCTransport
import NIOCore
import ShardStore

/// The shell of one ``EntityMachine``: holds the stream and carries out the machine's actions. Lives on its
/// host's event loop.
final class EntityInstance: HostedEntity {
  let key: EntityKey
  let serviceName: String
  let kind: StatefulKind
  let shard: HostedShard
  /// When the entity last did or heard something, in nanoseconds of the monotonic clock.
  private(set) var lastActivity: UInt64
  var previous: EntityInstance?
  var next: EntityInstance?
  var isListed = false
  var isInLine = false
  /// Whether the entity was told that its shard is handed over.
  var isLeaving = false

  /// Kept alive by its entities: a stream may end after everyone else has let go of the host. The cycle ends
  /// when the entity retires or is abandoned.
  private let host: EntityHost
  private var machine: EntityMachine
  private var stream: (any GRPCClientStream)?
  /// Counts streams, so that a journal page read for an earlier stream is not mistaken for this one's.
  private var incarnation: UInt64 = 0
  private var pendingRecovery: SequenceNumber?
  private var actions: [EntityAction] = []
  private var isPerforming = false
  /// Since when the function has had the command that the meter was told of.
  private var meteredSince: UInt64?
  private var isMetered = true

  init(
    key: EntityKey, serviceName: String, kind: StatefulKind, shard: HostedShard,
    limits: EntityMachine.Limits, host: EntityHost
  ) {
    self.key = key
    self.serviceName = serviceName
    self.kind = kind
    self.shard = shard
    self.host = host
    self.lastActivity = host.now()
    self.machine = EntityMachine(kind: kind, shard: shard.id.index, limits: limits)
  }

  var isIdle: Bool { machine.isIdle }
  var isIdleWithStream: Bool { machine.isIdle }
  var isClosing: Bool { machine.isClosing }
  var commandSentAt: UInt64? { machine.commandSentAt }
  var recoveringSince: UInt64? { machine.recoveringSince }

  // MARK: What happens to the entity

  /// A command that only queues is no activity: the entity waits for something that may never come, and the
  /// sweep must find it among those that have been waiting longest.
  func receive(_ command: EntityCommand, ticket: CommandTicket) {
    step(isActivity: machine.isIdle) { $0.receive(command, ticket: ticket, now: $2, into: &$1) }
  }

  func streamGranted() { step { $0.streamGranted(now: $2, into: &$1) } }

  func streamDenied(_ error: CommandError) {
    step { $0.streamDenied(error, now: $2, into: &$1) }
  }

  func committed(_ result: Result<Position, StoreError>) {
    step { $0.committed(result, now: $2, into: &$1) }
  }

  func passivate() -> Bool {
    var agreed = false
    step { machine, actions, _ in agreed = machine.passivate(into: &actions) }
    return agreed
  }

  func recoveryTimedOut() {
    step { machine, actions, _ in machine.recoveryTimedOut(into: &actions) }
  }
  func commandTimedOut() { step { machine, actions, _ in machine.commandTimedOut(into: &actions) } }
  func closeTimedOut() { step { machine, actions, _ in machine.closeTimedOut(into: &actions) } }
  func handOver() { step { $0.handOver(now: $2, into: &$1) } }
  func giveUp(because reason: String) {
    step { $0.giveUp(because: reason, now: $2, into: &$1) }
  }
  func stop() { step { $0.stop(now: $2, into: &$1) } }

  // MARK: Machine

  /// Feeds one event to the machine and carries out what it asks for. An event that happens while actions
  /// are being carried out adds its actions behind them.
  private func step(
    isActivity: Bool = true,
    _ event: (inout EntityMachine, inout [EntityAction], UInt64) -> Void
  ) {
    let now = host.now()
    if isActivity {
      lastActivity = now
      host.touched(self)
    }
    event(&machine, &actions, now)
    noteCommand(at: now)
    guard !isPerforming else { return }
    isPerforming = true
    var index = 0
    while index < actions.count {
      perform(actions[index])
      index += 1
    }
    actions.removeAll(keepingCapacity: true)
    isPerforming = false
    if host.isContended { host.makeRoom() }
  }

  /// Tells the meter of the command that the function has now, and of the one it had.
  private func noteCommand(at now: UInt64) {
    let sentAt = machine.commandSentAt
    guard sentAt != meteredSince, isMetered, let meter = host.configuration.meters.functions
    else { return }
    if let meteredSince { meter.end(begunAt: meteredSince, at: now) }
    if sentAt != nil { meter.begin(at: now) }
    meteredSince = sentAt
  }

  /// The entity is in no shard any more: what its function still does is for nobody.
  func endMetering() {
    isMetered = false
    guard let meteredSince, let meter = host.configuration.meters.functions else { return }
    self.meteredSince = nil
    meter.end(begunAt: meteredSince, at: host.now())
  }

  private func perform(_ action: EntityAction) {
    switch action {
    case .requestStream: host.requestStream(for: self)
    case .openStream:
      incarnation += 1
      stream = host.openStream(handler: self)
    case .recover(let sequence):
      // The first page is read while the stream comes up; later ones wait until the function keeps pace.
      if let sequence, let stream, !stream.isWritable {
        pendingRecovery = sequence
      } else {
        recover(after: sequence)
      }
    case .sendInit(let snapshot):
      stream?.send(
        FunctionCodec.initMessage(
          kind, serviceName: serviceName, entityID: key.entityID, snapshot: snapshot))
    case .sendEvents(let events):
      for event in events { stream?.send(FunctionCodec.eventMessage(event)) }
    case .lookUpKey(let idempotencyKey):
      let lookup = host.lookUp(idempotencyKey, of: self)
      step { $0.keyLookedUp(lookup, now: $2, into: &$1) }
    case .sendCommand(let id, let command):
      stream?.send(host.encode(kind, id: id, command))
    case .commit(let order): host.commit(order, of: self)
    case .complete(let ticket, let answer): host.complete(ticket, with: answer, in: shard)
    case .endStream: stream?.sendEnd()
    case .resetStream: stream?.cancel()
    case .releaseStream:
      stream = nil
      pendingRecovery = nil
      host.releaseStream()
    case .declineStream: host.releaseStream()
    case .report(let text): host.report("\(serviceName) [\(key.entityID)]: \(text)")
    case .retire: host.retire(self)
    }
  }

  private func recover(after sequence: SequenceNumber?) {
    let incarnation = incarnation
    host.readJournal(of: self, after: sequence) { result in
      guard self.incarnation == incarnation else { return }
      self.step { $0.recovered(result, now: $2, into: &$1) }
    }
  }
}

extension EntityInstance: GRPCClientStreamHandler {
  func receive(_ message: ByteBuffer) {
    let decoded: FunctionMessage
    do {
      decoded = try FunctionCodec.decode(message, of: kind)
    } catch {
      // Bytes that are no message at all are treated like one without content.
      host.report("\(serviceName) [\(key.entityID)]: undecodable message (\(error))")
      decoded = .empty
    }
    let (epoch, contended) = (shard.epoch, host.isContended)
    step { $0.received(decoded, epoch: epoch, contended: contended, now: $2, into: &$1) }
  }

  func writabilityChanged(_ isWritable: Bool) {
    guard isWritable, let sequence = pendingRecovery else { return }
    pendingRecovery = nil
    recover(after: sequence)
  }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    let end = host.streamEnd(status)
    step { $0.streamEnded(end, now: $2, into: &$1) }
  }
}
