import CloudstateModel
import EntityRuntime
import ShardStore
import Testing

extension OpaquePayload {
  static let sample = OpaquePayload(typeURL: "type.googleapis.com/Sample", value: [1])
}

/// Drives one ``EntityMachine`` and writes its actions down as short texts.
struct Trace {
  static let sampleCommand = EntityCommand(
    serviceName: "S", method: "M", entity: EntityKey(persistenceID: "p", entityID: "e"),
    payloadTypeURL: "type.googleapis.com/In", payload: [])

  var machine: EntityMachine
  var now: UInt64 = 0
  var epoch = Epoch(1)
  private var actions: [EntityAction] = []

  init(kind: StatefulKind = .eventSourced, limits: EntityMachine.Limits = .init()) {
    machine = EntityMachine(kind: kind, shard: 3, limits: limits)
  }

  /// An entity with an empty journal whose stream is open and idle.
  static func active(limits: EntityMachine.Limits = .init()) -> Trace {
    var trace = Trace(limits: limits)
    trace.command(0)
    trace.granted()
    trace.recovered()
    // A restart is the way to a stream that is open without a command.
    trace.message(
      .reply(FunctionReply(commandID: 1, action: .failure(description: "", restart: true))))
    trace.streamEnded()
    trace.granted()
    trace.recovered()
    _ = trace.taken()
    return trace
  }

  mutating func command(_ ticket: UInt64, key: String? = nil, deadline: UInt64? = nil) {
    var command = Self.sampleCommand
    command.idempotencyKey = key
    command.deadline = deadline
    machine.receive(command, ticket: CommandTicket(ticket), now: now, into: &actions)
  }

  mutating func granted() { machine.streamGranted(now: now, into: &actions) }

  mutating func recovered(
    snapshot: Int64? = nil, events: [Int64] = [], hasMore: Bool = false
  ) {
    let page = RecoveryPage(
      snapshot: snapshot.map { StoredSnapshot(sequence: SequenceNumber($0), payload: .sample) },
      events: events.map {
        StoredEvent(
          sequence: SequenceNumber($0), time: Timestamp(unixMilliseconds: 0), payload: .sample)
      }, hasMore: hasMore)
    machine.recovered(.success(page), now: now, into: &actions)
  }

  mutating func message(_ message: FunctionMessage, contended: Bool = false) {
    machine.received(message, epoch: epoch, contended: contended, now: now, into: &actions)
  }

  mutating func reply(_ id: Int64, events: Int, contended: Bool = false) {
    message(
      .reply(
        FunctionReply(
          commandID: id, action: .reply(nil), events: Array(repeating: .sample, count: events))),
      contended: contended)
  }

  mutating func lookedUp(_ lookup: KeyLookup) {
    machine.keyLookedUp(lookup, now: now, into: &actions)
  }

  mutating func committed(_ position: UInt64) {
    machine.committed(.success(Position(position)), now: now, into: &actions)
  }

  mutating func commitFailed(_ code: StoreError.Code = .writeFailed) {
    machine.committed(.failure(StoreError(code, "disk full")), now: now, into: &actions)
  }

  mutating func streamEnded(_ end: StreamEnd = .ended) {
    machine.streamEnded(end, now: now, into: &actions)
  }

  mutating func passivate() -> Bool { machine.passivate(into: &actions) }
  mutating func recoveryTimedOut() { machine.recoveryTimedOut(into: &actions) }
  mutating func commandTimedOut() { machine.commandTimedOut(into: &actions) }
  mutating func stop() { machine.stop(now: now, into: &actions) }
  mutating func handOver() { machine.handOver(now: now, into: &actions) }
  mutating func giveUp() { machine.giveUp(because: "test", now: now, into: &actions) }

  /// What the machine asked for since the last call.
  mutating func taken() -> [String] {
    defer { actions.removeAll() }
    return actions.map(Self.describe)
  }

  /// Fails the test unless the machine asked for exactly this since the last call.
  mutating func expect(
    _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let actual = taken()
    #expect(actual == expected, sourceLocation: sourceLocation)
  }

  /// The texts of the errors that callers got since the last call.
  mutating func takenErrors() -> [String] {
    takenActions().compactMap { action in
      guard case .complete(_, let answer) = action, case .error(let error) = answer.outcome else {
        return nil
      }
      return error.message
    }
  }

  /// The raw actions since the last call.
  mutating func takenActions() -> [EntityAction] {
    defer { actions.removeAll() }
    return actions
  }

  private static func describe(_ action: EntityAction) -> String {
    switch action {
    case .requestStream: "requestStream"
    case .openStream: "openStream"
    case .recover(nil): "recover(snapshot)"
    case .recover(let sequence?): "recover(\(sequence))"
    case .sendInit(let snapshot): "init(\(snapshot.map { "\($0.sequence)" } ?? "-"))"
    case .sendEvents(let events):
      "events(\(events.map { "\($0.sequence)" }.joined(separator: ",")))"
    case .lookUpKey(let key): "lookUp(\(key))"
    case .sendCommand(let id, _): "send(\(id))"
    case .commit(let order):
      "commit(\(order.firstSequence)..\(order.firstSequence.number + Int64(order.events.count) - 1)"
        + (order.remember.map { ", remember \($0.key)" } ?? "") + ")"
    case .complete(let ticket, let answer): describe(ticket, answer)
    case .endStream: "end"
    case .resetStream: "reset"
    case .releaseStream: "releaseStream"
    case .declineStream: "declineStream"
    case .report: "report"
    case .retire: "retire"
    }
  }

  private static func describe(_ ticket: CommandTicket, _ answer: CommandAnswer) -> String {
    let outcome =
      switch answer.outcome {
      case .reply: "reply \(ticket.number)"
      case .failure: "failure \(ticket.number)"
      case .error(let error): "error \(ticket.number) \(error.code.rawValue)"
      case .forward(let call): "forward \(ticket.number) to \(call)"
      }
    let effects = answer.effects.isEmpty ? "" : " effects \(answer.effects.count)"
    guard let commitment = answer.commitment else { return outcome + effects }
    if commitment.isDuplicate { return outcome + " duplicate" }
    return outcome + effects + " at \(commitment.position)"
  }
}
