import CloudstateModel
import GRPCTransport
import NIOCore
import ReplicatedData

/// The shell of one ``ReplicatedEntityMachine``: holds the stream and carries out the machine's actions. Lives on
/// its host's event loop.
final class ReplicatedInstance: HostedEntity {
  let key: EntityKey
  let serviceName: String
  /// When the entity last did or heard something, in nanoseconds of the monotonic clock.
  private(set) var lastActivity: UInt64
  var previous: ReplicatedInstance?
  var next: ReplicatedInstance?
  var isListed = false
  var isInLine = false
  /// Since when the stream has been ending.
  private(set) var closingSince: UInt64?

  private let codec: CrdtCodec
  private let passesMetadata: Bool
  /// Kept alive by its entities, as by those of ``EntityHost``.
  private let host: ReplicatedHost
  private var machine: ReplicatedEntityMachine
  private var stream: (any GRPCClientStream)?
  private var actions: [ReplicatedAction] = []
  private var isPerforming = false

  init(
    key: EntityKey, serviceName: String, codec: CrdtCodec, passesMetadata: Bool,
    limits: ReplicatedEntityMachine.Limits, host: ReplicatedHost
  ) {
    self.key = key
    self.serviceName = serviceName
    self.codec = codec
    self.passesMetadata = passesMetadata
    self.host = host
    self.lastActivity = host.now()
    self.machine = ReplicatedEntityMachine(limits: limits)
  }

  var isIdle: Bool { machine.isIdle }
  /// A deleted one may stay for a while without a stream.
  var isIdleWithStream: Bool { stream != nil && machine.isIdle }
  var oldestRequestAt: UInt64? { machine.oldestRequestAt }

  // MARK: What happens to the entity

  func receive(_ command: EntityCommand, ticket: CommandTicket, isStreamed: Bool) {
    step {
      $0.receive(command, ticket: ticket, isStreamed: isStreamed, now: $2, into: &$1)
    }
  }

  func callerLeft(_ ticket: CommandTicket) {
    step { $0.callerLeft(ticket, now: $2, into: &$1) }
  }

  func streamGranted() { step { $0.streamGranted(now: $2, into: &$1) } }

  func streamDenied(_ error: CommandError) {
    step { $0.streamDenied(error, now: $2, into: &$1) }
  }

  func passivate() -> Bool {
    var agreed = false
    step { machine, actions, _ in agreed = machine.passivate(into: &actions) }
    return agreed
  }

  func answerOverdue(before limit: UInt64) {
    step { machine, actions, _ in machine.answerOverdue(before: limit, into: &actions) }
  }

  func closeOverdue() { step { machine, actions, _ in machine.closeOverdue(into: &actions) } }
  func stop() { step { $0.stop(now: $2, into: &$1) } }

  // MARK: Machine

  /// Feeds one event to the machine and carries out what it asks for. An event that happens while actions
  /// are being carried out adds its actions behind them.
  private func step(
    _ event: (inout ReplicatedEntityMachine, inout [ReplicatedAction], UInt64) -> Void
  ) {
    let now = host.now()
    lastActivity = now
    host.touched(self)
    event(&machine, &actions, now)
    guard !isPerforming else { return }
    isPerforming = true
    var index = 0
    while index < actions.count {
      perform(actions[index])
      index += 1
    }
    actions.removeAll(keepingCapacity: true)
    isPerforming = false
    closingSince = machine.isClosing ? closingSince ?? now : nil
    if host.isContended { host.makeRoom() }
  }

  private func perform(_ action: ReplicatedAction) {
    switch action {
    case .openCopy: openCopy()
    case .closeCopy: host.replicas.close(key)
    case .requestStream: host.requestStream(for: self)
    case .openStream: stream = host.openStream(handler: self)
    case .introduce:
      step {
        $0.introduced(
          to: self.host.replicas.state(of: self.key), in: self.host.replicas.electorate, now: $2,
          into: &$1)
      }
    case .catchUp:
      step { machine, actions, _ in
        machine.compared(
          with: self.host.replicas.state(of: self.key), in: self.host.replicas.electorate,
          into: &actions)
      }
    case .sendInit(let value):
      stream?.send(codec.initial(serviceName: serviceName, entityID: key.entityID, value: value))
    case .sendDelta(let delta, let isFirst):
      stream?.send(codec.change(delta, isFirst: isFirst))
    case .sendDelete: stream?.send(codec.deletion())
    case .sendCommand(let id, let command, let isStreamed):
      stream?.send(
        codec.command(
          id: id, command, isStreamed: isStreamed,
          passesMetadata: passesMetadata || command.metadataIsForFunction))
    case .sendCancellation(let id):
      stream?.send(codec.cancellation(id: id, entityID: key.entityID))
    case .write(let order): write(order)
    case .tell(let ticket, let news): host.tell(ticket, news)
    case .runEffects(let effects): host.runEffects(effects, of: serviceName)
    case .endStream: stream?.sendEnd()
    case .resetStream: stream?.cancel()
    case .releaseStream:
      stream = nil
      host.releaseStream()
    case .declineStream: host.releaseStream()
    case .report(let text): host.report("\(serviceName) [\(key.entityID)]: \(text)")
    case .retire: host.retire(self)
    }
  }

  private func openCopy() {
    host.replicas.open(
      key,
      changed: { [weak self] in
        self?.step { machine, actions, _ in machine.copyChanged(into: &actions) }
      },
      completion: { result in
        let isDeleted = self.host.replicas.state(of: self.key) == .deleted
        self.step { $0.copyOpened(result, isDeleted: isDeleted, now: $2, into: &$1) }
      })
  }

  private func write(_ order: WriteOrder) {
    let number = machine.lastWrite + 1
    let progress: (WriteProgress) -> Void = { progress in
      self.step { $0.progressed(number, progress, now: $2, into: &$1) }
    }
    let result: Result<ReplicatedValue?, ReplicaRefusal>
    if let delta = order.delta {
      result = host.replicas.update(
        key, delta, seen: order.seen, consistency: order.consistency, progress: progress
      ).map { $0 }
    } else {
      host.replicas.delete(key, consistency: order.consistency, progress: progress)
      result = .success(nil)
    }
    step { $0.written(result, now: $2, into: &$1) }
  }
}

extension ReplicatedInstance: GRPCClientStreamHandler {
  func receive(_ message: ByteBuffer) {
    let decoded: ReplicatedMessage
    do {
      decoded = try codec.decode(message)
    } catch {
      // Bytes that are no message at all are treated like one without content.
      host.report("\(serviceName) [\(key.entityID)]: undecodable message (\(error))")
      decoded = .empty
    }
    step { $0.received(decoded, now: $2, into: &$1) }
  }

  func writabilityChanged(_ isWritable: Bool) {}

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    let end = host.streamEnd(status)
    step { $0.streamEnded(end, now: $2, into: &$1) }
  }
}
