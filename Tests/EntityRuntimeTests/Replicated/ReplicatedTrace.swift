import CloudstateModel
import EntityRuntime
import ReplicatedData
import Testing

/// Drives one ``ReplicatedEntityMachine`` over a copy in memory, and writes its actions down as short texts. What the
/// shell does at once (comparing, making changes) happens at once here too.
struct ReplicatedTrace {
  static let sampleReply = ReplyPayload(typeURL: "type.googleapis.com/Out", value: [])

  var machine: ReplicatedEntityMachine
  var now: UInt64 = 0
  /// This node's copy.
  var copy: ReplicatedEntityState?
  var electorate: Electorate
  /// What the function was told it did wrong.
  private(set) var reports: [String] = []
  /// The texts of the errors that callers got.
  private(set) var errors: [String] = []

  private let replica: ReplicaID
  private let other: ReplicaID
  private var actions: [ReplicatedAction] = []
  private var log: [String] = []

  init(limits: ReplicatedEntityMachine.Limits = .init()) throws {
    machine = ReplicatedEntityMachine(limits: limits)
    replica = try #require(ReplicaID("a/1"))
    other = try #require(ReplicaID("b/1"))
    electorate = Electorate(replica: replica, members: [replica, other])
  }

  /// An entity whose function is idle and holds the value that `delta` makes, or none. The next command gets id 2.
  static func active(
    _ delta: FunctionDelta? = nil, limits: ReplicatedEntityMachine.Limits = .init()
  ) throws -> ReplicatedTrace {
    var trace = try ReplicatedTrace(limits: limits)
    if let delta { try trace.merge(delta) }
    trace.command(1)
    trace.opened()
    trace.granted()
    trace.reply(1)
    _ = trace.taken()
    return trace
  }

  // MARK: Events

  mutating func command(_ ticket: UInt64, streamed: Bool = false, deadline: UInt64? = nil) {
    var command = Trace.sampleCommand
    command.deadline = deadline
    step {
      $0.receive(
        command, ticket: CommandTicket(ticket), isStreamed: streamed, now: $2, into: &$1)
    }
  }

  mutating func left(_ ticket: UInt64) {
    step { $0.callerLeft(CommandTicket(ticket), now: $2, into: &$1) }
  }

  mutating func opened() {
    let isDeleted = copy == .deleted
    step { $0.copyOpened(.success(()), isDeleted: isDeleted, now: $2, into: &$1) }
  }

  mutating func notOpened() {
    let error = CommandError(.recoveryFailed, "damaged")
    step { $0.copyOpened(.failure(error), isDeleted: false, now: $2, into: &$1) }
  }

  mutating func granted() { step { $0.streamGranted(now: $2, into: &$1) } }

  mutating func denied() {
    step { $0.streamDenied(CommandError(.overloaded, "too many"), now: $2, into: &$1) }
  }

  mutating func message(_ message: ReplicatedMessage) {
    step { $0.received(message, now: $2, into: &$1) }
  }

  mutating func reply(
    _ id: Int64, _ change: FunctionDelta? = nil, _ consistency: WriteConsistency = .local,
    streamed: Bool = false, says: Bool = true, effects: Int = 0
  ) {
    message(
      .reply(
        ReplicatedReply(
          commandID: id, action: says ? .reply(Self.sampleReply) : nil,
          sideEffects: Self.effects(effects),
          change: change.map { RequestedChange(.update($0), consistency: consistency) },
          isStreamed: streamed)))
  }

  mutating func replyDeleting(
    _ id: Int64, _ consistency: WriteConsistency = .local, streamed: Bool = false
  ) {
    message(
      .reply(
        ReplicatedReply(
          commandID: id, action: .reply(Self.sampleReply),
          change: RequestedChange(.delete, consistency: consistency), isStreamed: streamed)))
  }

  mutating func streamed(_ id: Int64, says: Bool = true, effects: Int = 0, ends: Bool = false) {
    message(
      .streamed(
        StreamedMessage(
          commandID: id, action: says ? .reply(Self.sampleReply) : nil,
          sideEffects: Self.effects(effects), endsStream: ends)))
  }

  mutating func cancelled(_ id: Int64, _ change: FunctionDelta? = nil, effects: Int = 0) {
    message(
      .cancellationAnswered(
        CancellationAnswer(
          commandID: id, sideEffects: Self.effects(effects),
          change: change.map { RequestedChange(.update($0)) })))
  }

  mutating func failure(_ id: Int64) {
    message(.failure(commandID: id, description: "no"))
  }

  mutating func durable(_ write: UInt64) { progress(write, .durable) }
  mutating func confirmed(_ write: UInt64) { progress(write, .confirmed) }
  mutating func unconfirmed(_ write: UInt64) { progress(write, .unconfirmed) }
  mutating func failed(_ write: UInt64) {
    progress(write, .failed(CommandError(.storeFailed, "disk full")))
  }

  private mutating func progress(_ write: UInt64, _ progress: WriteProgress) {
    step { $0.progressed(write, progress, now: $2, into: &$1) }
  }

  mutating func changeElsewhere(_ delta: FunctionDelta) throws {
    try merge(delta)
    step { machine, actions, _ in machine.copyChanged(into: &actions) }
  }

  mutating func deleteElsewhere() {
    copy = .deleted
    step { machine, actions, _ in machine.copyChanged(into: &actions) }
  }

  mutating func membersChanged(to members: Set<ReplicaID>) {
    electorate.members = members
    step { machine, actions, _ in machine.copyChanged(into: &actions) }
  }

  mutating func streamEnded(_ end: StreamEnd = .ended) {
    step { $0.streamEnded(end, now: $2, into: &$1) }
  }

  /// Tries to put the entity away, and fails the test unless it agrees or not as expected.
  mutating func expectPassivation(
    _ expected: Bool = true, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var agreed = false
    step { machine, actions, _ in agreed = machine.passivate(into: &actions) }
    #expect(agreed == expected, comment, sourceLocation: sourceLocation)
  }

  mutating func answerOverdue(before limit: UInt64) {
    step { machine, actions, _ in machine.answerOverdue(before: limit, into: &actions) }
  }

  mutating func closeOverdue() {
    step { machine, actions, _ in machine.closeOverdue(into: &actions) }
  }

  mutating func stop() { step { $0.stop(now: $2, into: &$1) } }

  // MARK: What came of it

  /// What the machine asked for since the last call.
  mutating func taken() -> [String] {
    defer { log.removeAll() }
    return log
  }

  /// Fails the test unless the machine asked for exactly this since the last call.
  mutating func expect(
    _ expected: [String], _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let actual = taken()
    #expect(actual == expected, comment, sourceLocation: sourceLocation)
  }

  // MARK: The shell

  private mutating func step(
    _ event: (inout ReplicatedEntityMachine, inout [ReplicatedAction], UInt64) -> Void
  ) {
    event(&machine, &actions, now)
    while !actions.isEmpty {
      let action = actions.removeFirst()
      if let text = describe(action) { log.append(text) }
      switch action {
      case .introduce:
        machine.introduced(to: copy, in: electorate, now: now, into: &actions)
      case .catchUp: machine.compared(with: copy, in: electorate, into: &actions)
      case .write(let order):
        machine.written(make(order), now: now, into: &actions)
      default: break
      }
    }
  }

  private mutating func make(_ order: WriteOrder) -> Result<ReplicatedValue?, ReplicaRefusal> {
    guard let delta = order.delta else {
      copy = .deleted
      return .success(nil)
    }
    var value: ReplicatedValue
    switch copy {
    case .deleted: return .failure(.deleted)
    case .live(let existing): value = existing
    case nil: value = ReplicatedValue(delta.kind)
    }
    do {
      let change = try value.apply(delta, replica: replica, now: 1000, seen: order.seen)
      copy = .live(value)
      return .success(change)
    } catch {
      return .failure(.refused("\(error)"))
    }
  }

  private mutating func merge(_ delta: FunctionDelta) throws {
    var value = ReplicatedValue(delta.kind)
    if case .live(let existing) = copy { value = existing }
    _ = try value.apply(delta, replica: other, now: 1000)
    copy = .live(value)
  }

  private static func effects(_ count: Int) -> [SideEffect] {
    let call = FunctionCall(
      serviceName: "S", method: "M", payloadTypeURL: "type.googleapis.com/In", payload: [])
    return Array(repeating: SideEffect(call, isSynchronous: false), count: count)
  }

  // MARK: Texts

  private mutating func describe(_ action: ReplicatedAction) -> String? {
    switch action {
    case .introduce, .catchUp: return nil
    case .openCopy: return "openCopy"
    case .closeCopy: return "closeCopy"
    case .requestStream: return "requestStream"
    case .openStream: return "openStream"
    case .sendInit(let value): return "init(\(value.map(Self.text) ?? "-"))"
    case .sendDelta(let delta, let isFirst):
      return (isFirst ? "first(" : "delta(") + Self.text(delta) + ")"
    case .sendDelete: return "delete"
    case .sendCommand(let id, _, let isStreamed):
      return "send(\(id)\(isStreamed ? " streamed" : ""))"
    case .sendCancellation(let id): return "cancel(\(id))"
    case .write(let order): return "write(\(order.delta.map(Self.text) ?? "delete"))"
    case .tell(let ticket, let news): return "tell \(ticket.number) " + describe(news)
    case .runEffects(let effects): return "effects \(effects.count)"
    case .endStream: return "end"
    case .resetStream: return "reset"
    case .releaseStream: return "releaseStream"
    case .declineStream: return "declineStream"
    case .report(let text):
      reports.append(text)
      return "report"
    case .retire: return "retire"
    }
  }

  private mutating func describe(_ news: CallerNews) -> String {
    switch news {
    case .end(nil): return "end"
    case .end(let error?):
      errors.append(error.message)
      return "error \(error.code.rawValue)"
    case .answer(let answer, let isLast):
      let effects = answer.effects.isEmpty ? "" : " effects \(answer.effects.count)"
      switch answer.outcome {
      case .reply(nil) where !isLast: return "nothing" + effects
      case .reply: return (isLast ? "reply" : "message") + effects
      case .failure(let text): return "failure \(text)" + effects
      case .forward, .error: return "something else"
      }
    }
  }

  static func text(_ delta: FunctionDelta) -> String {
    switch delta {
    case .gcounter(let increment): "g \(increment)"
    case .pncounter(let change): "pn \(change)"
    case .gset(let added): "gset \(added.count)"
    case .orset(let change):
      "orset\(change.cleared ? " cleared" : "") -\(change.removed.count) +\(change.added.count)"
    case .lwwregister(let write): "register \(String(decoding: write.value.value, as: UTF8.self))"
    case .flag(let isOn): "flag \(isOn)"
    case .ormap: "ormap"
    case .vote(let tally):
      "vote \(tally.selfVote ? "yes" : "no") \(tally.votesFor)/\(tally.totalVoters)"
    }
  }
}

extension FunctionDelta {
  static func register(_ text: String, _ clock: RegisterClock = .system) -> FunctionDelta {
    .lwwregister(
      RegisterDelta(value: DataElement(typeURL: "t", value: Array(text.utf8)), clock: clock))
  }

  static func vote(_ isYes: Bool) -> FunctionDelta { .vote(VoteTally(selfVote: isYes)) }
}
