import CloudstateModel
import EntityRuntime
import ReplicatedData
import TestSupport
import Testing

/// Machines among a function, a copy that others change too, a disk and callers that do anything in any order, from
/// a seed.
@Suite("Replicated entities under random events")
struct ReplicatedPropertyTests {
  @Test(
    "each caller hears its stream and one end, nothing is told before it is durable, and copies stay in step",
    arguments: ReplicatedKind.allCases)
  func randomLives(kind: ReplicatedKind) throws {
    let seed = testSeed("replicated entity lives of \(kind)")
    for round in 0..<60 {
      var world = try ReplicatedWorld(kind, seed: seed &+ UInt64(round))
      for _ in 0..<300 { try world.step() }
      try world.finish()
      #expect(world.violations == [], "round \(round) of seed \(seed)")
      if !world.violations.isEmpty { return }
    }
  }
}

/// The smallest world a replicated entity can live in.
private struct ReplicatedWorld {
  /// What a caller may still hear.
  private struct Caller {
    let isStreamed: Bool
    var hasLeft = false
    var isOver = false
  }

  /// What must have happened before an answer may be told.
  private struct Requirement {
    let durableWrites: Int
    let confirmation: Int?
  }

  var violations: [String] = []
  private let kind: ReplicatedKind
  private let replica: ReplicaID
  private let others: [ReplicaID]
  private var random: SeededGenerator
  private var machine = ReplicatedEntityMachine(limits: limits)
  private var actions: [ReplicatedAction] = []
  private var now: UInt64 = 0
  private var isRetired = false

  private var copy: ReplicatedEntityState?
  private var electorate: Electorate
  private var isOpening = false
  private var wantsStream = false
  private var streamIsOpen = false
  private var streamIsEnding = false
  private var function: ModelFunction?
  /// On the wire, either way.
  private var toFunction: [ModelFunction.Incoming] = []
  private var fromFunction: [ReplicatedMessage] = []

  /// The consistency of every change that was made.
  private var writes: [WriteConsistency] = []
  private var durable = 0
  private var failed: Set<Int> = []
  private var unconfirmed: [Int] = []
  private var confirmed: Set<Int> = []
  /// By the number that an answer carries as its type.
  private var requirements: [String: Requirement] = [:]
  private var lastAnswer = 0

  private var callers: [UInt64: Caller] = [:]
  private var lastTicket: UInt64 = 0

  private static var limits: ReplicatedEntityMachine.Limits {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 4
    limits.queuedCommands = 4
    limits.openStreams = 3
    return limits
  }

  init(_ kind: ReplicatedKind, seed: UInt64) throws {
    self.kind = kind
    random = SeededGenerator(seed: seed)
    replica = try #require(ReplicaID("a"))
    others = try ["b", "c"].map { try #require(ReplicaID($0)) }
    electorate = Electorate(replica: replica, members: Set(others + [replica]))
  }

  // MARK: Events

  mutating func step() throws {
    now += 1
    if isRetired {
      // As the host does: the next command starts another one.
      machine = ReplicatedEntityMachine(limits: Self.limits)
      writes = []
      (durable, failed, unconfirmed, confirmed) = (0, [], [], [])
      isRetired = false
    }
    switch below(200) {
    case 0..<40: command()
    case 40..<50: leave()
    case 50..<80: functionReads()
    case 80..<110: functionSays()
    case 110..<140: deliver()
    case 140..<160: diskAnswers(fails: below(60) == 0)
    case 160..<166: othersConfirm()
    case 166..<174: try changeElsewhere()
    case 174 where below(8) == 0:
      copy = .deleted
      machine.copyChanged(into: &actions)
    case 175..<177:
      electorate.members = Set(others.filter { _ in below(2) == 0 } + [replica])
      machine.copyChanged(into: &actions)
    case 177..<182: if !isRetired { _ = machine.passivate(into: &actions) }
    case 182 where streamIsOpen: streamGone(.ended)
    case 183 where streamIsOpen: streamGone(.unreachable("gone"))
    case 184 where below(4) == 0:
      machine.received(.empty, now: now, into: &actions)
    case 185: machine.closeOverdue(into: &actions)
    case 186: machine.answerOverdue(before: now - min(now, 60), into: &actions)
    default: surroundings()
    }
    perform()
    checkStep()
  }

  /// Lets everything come to rest, then checks that nobody is left waiting.
  mutating func finish() throws {
    if isRetired { return checkCallers() }
    machine.stop(now: now, into: &actions)
    perform()
    for _ in 0..<3000 where !isRetired {
      now += 1
      surroundings()
      perform()
      functionReads()
      functionSays()
      deliver()
      perform()
      diskAnswers(fails: false)
      othersConfirm()
      machine.closeOverdue(into: &actions)
      perform()
      checkStep()
    }
    if !isRetired {
      violations.append(
        "the entity did not retire: idle \(machine.isIdle), closing \(machine.isClosing), stream "
          + "\(streamIsOpen), \(durable) of \(writes.count) changes durable, \(unconfirmed.count) open"
      )
    }
    checkCallers()
  }

  private mutating func command() {
    lastTicket += 1
    let isStreamed = below(2) == 0
    callers[lastTicket] = Caller(isStreamed: isStreamed)
    machine.receive(
      Trace.sampleCommand, ticket: CommandTicket(lastTicket), isStreamed: isStreamed, now: now,
      into: &actions)
  }

  private mutating func leave() {
    let open = callers.filter { $0.value.isStreamed && !$0.value.isOver && !$0.value.hasLeft }
    guard let ticket = open.keys.sorted().randomElement(using: &random) else { return }
    callers[ticket]?.hasLeft = true
    machine.callerLeft(CommandTicket(ticket), now: now, into: &actions)
  }

  private mutating func functionReads() {
    guard !toFunction.isEmpty else { return }
    let answers = function?.receive(toFunction.removeFirst(), kind: kind, using: &random) ?? []
    fromFunction += answers
  }

  private mutating func functionSays() {
    if let message = function?.say(kind: kind, using: &random) { fromFunction.append(message) }
  }

  /// A message of the function arrives. Its answer is marked, so that its telling can be judged.
  private mutating func deliver() {
    guard streamIsOpen, !fromFunction.isEmpty else { return }
    lastAnswer += 1
    let message = fromFunction.removeFirst().marked("\(lastAnswer)")
    let before = writes.count
    machine.received(message, now: now, into: &actions)
    // The change, if there is one, is the first thing to be made.
    perform()
    let confirmation: Int? =
      if case .reply = message, writes.count > before, writes[before] != .local {
        before + 1
      } else { nil }
    requirements["\(lastAnswer)"] = Requirement(
      durableWrites: writes.count, confirmation: confirmation)
  }

  private mutating func diskAnswers(fails: Bool) {
    guard durable < writes.count else { return }
    durable += 1
    if fails {
      failed.insert(durable)
      machine.progressed(
        UInt64(durable), .failed(CommandError(.storeFailed, "disk full")), now: now,
        into: &actions)
    } else {
      if writes[durable - 1] != .local { unconfirmed.append(durable) }
      machine.progressed(UInt64(durable), .durable, now: now, into: &actions)
    }
  }

  private mutating func othersConfirm() {
    guard let index = unconfirmed.indices.randomElement(using: &random) else { return }
    let write = unconfirmed.remove(at: index)
    let isConfirmed = below(4) != 0
    if isConfirmed { confirmed.insert(write) }
    machine.progressed(
      UInt64(write), isConfirmed ? .confirmed : .unconfirmed, now: now, into: &actions)
  }

  private mutating func changeElsewhere() throws {
    var value = ReplicatedValue(kind)
    if case .live(let existing) = copy { value = existing }
    guard copy != .deleted, let other = others.randomElement(using: &random) else { return }
    let delta = kind.randomChange(
      of: value.functionValue(in: electorate), using: &random)
    _ = try value.apply(delta, replica: other, now: 1000 + Int64(now))
    copy = .live(value)
    machine.copyChanged(into: &actions)
  }

  private mutating func streamGone(_ end: StreamEnd) {
    streamIsOpen = false
    streamIsEnding = false
    function = nil
    toFunction = []
    fromFunction = []
    machine.streamEnded(end, now: now, into: &actions)
  }

  private mutating func surroundings() {
    if isOpening {
      isOpening = false
      machine.copyOpened(
        .success(()), isDeleted: copy == .deleted, now: now, into: &actions)
    } else if wantsStream {
      wantsStream = false
      machine.streamGranted(now: now, into: &actions)
    } else if streamIsEnding {
      streamGone(.ended)
    }
  }

  // MARK: The shell

  private mutating func perform() {
    while !actions.isEmpty {
      let action = actions.removeFirst()
      switch action {
      case .openCopy: isOpening = true
      case .requestStream: wantsStream = true
      case .openStream:
        if streamIsOpen { violations.append("a second stream was opened") }
        streamIsOpen = true
        function = ModelFunction()
      case .introduce: machine.introduced(to: copy, in: electorate, now: now, into: &actions)
      case .catchUp: machine.compared(with: copy, in: electorate, into: &actions)
      case .sendInit(let value): send(.start(value))
      case .sendDelta(let delta, _): send(.delta(delta))
      case .sendDelete: send(.delete)
      case .sendCommand(let id, _, let isStreamed): send(.command(id, isStreamed: isStreamed))
      case .sendCancellation(let id): send(.cancellation(id))
      case .write(let order): make(order)
      case .tell(let ticket, let news): check(ticket.number, news)
      case .endStream, .resetStream: streamIsEnding = true
      case .retire:
        if isRetired { violations.append("it retired twice") }
        if streamIsOpen { violations.append("it retired with a stream") }
        if durable < writes.count {
          violations.append("it retired before its changes were durable")
        }
        isRetired = true
      case .runEffects, .closeCopy, .releaseStream, .declineStream, .report: break
      }
    }
  }

  private mutating func send(_ message: ModelFunction.Incoming) {
    if !streamIsOpen { violations.append("something was sent without a stream") }
    toFunction.append(message)
  }

  private mutating func make(_ order: WriteOrder) {
    var result: Result<ReplicatedValue?, ReplicaRefusal>
    if let delta = order.delta {
      switch copy {
      case .deleted: result = .failure(.deleted)
      case .live, nil:
        var value = ReplicatedValue(kind)
        if case .live(let existing) = copy { value = existing }
        do {
          result = .success(
            try value.apply(
              delta, replica: replica, now: 1000 + Int64(now), seen: order.seen))
          copy = .live(value)
        } catch {
          result = .failure(.refused("\(error)"))
          violations.append("a change was refused: \(error)")
        }
      }
    } else {
      copy = .deleted
      result = .success(nil)
    }
    if case .success = result { writes.append(order.consistency) }
    machine.written(result, now: now, into: &actions)
  }

  // MARK: Checks

  private mutating func check(_ number: UInt64, _ news: CallerNews) {
    guard let caller = callers[number] else { return violations.append("an unknown caller") }
    if caller.isOver { violations.append("caller \(number) heard something after its end") }
    if caller.hasLeft { violations.append("caller \(number) had left") }
    switch news {
    case .answer(let answer, let isLast):
      if isLast { callers[number]?.isOver = true }
      if !isLast, !caller.isStreamed { violations.append("caller \(number) wanted one answer") }
      checkDurability(of: answer, to: number)
    case .end:
      callers[number]?.isOver = true
    }
  }

  private mutating func checkDurability(of answer: CommandAnswer, to number: UInt64) {
    guard case .reply(let payload?) = answer.outcome else { return }
    guard let requirement = requirements[payload.typeURL] else {
      // Told from within the call that brought it: then it must not have waited for anything.
      if durable < writes.count {
        violations.append("caller \(number) was answered before change \(writes.count) was durable")
      }
      return
    }
    if durable < requirement.durableWrites {
      violations.append(
        "caller \(number) was answered before change \(requirement.durableWrites) was durable")
    }
    if let confirmation = requirement.confirmation, !confirmed.contains(confirmation) {
      violations.append("caller \(number) was answered before change \(confirmation) was confirmed")
    }
  }

  /// When nothing is outstanding and nothing on its way, both copies are the same.
  private mutating func checkStep() {
    guard streamIsOpen, !streamIsEnding, let function, toFunction.isEmpty, fromFunction.isEmpty,
      function.owesNothing, case .live(let value) = copy
    else { return }
    let replicated = value.functionValue(in: electorate)
    if function.value != replicated {
      violations.append(
        "the function holds \(String(describing: function.value)) and the copy \(replicated)")
    }
  }

  private mutating func checkCallers() {
    let waiting = callers.filter { !$0.value.isOver && !$0.value.hasLeft }.keys.sorted()
    if !waiting.isEmpty { violations.append("callers left waiting: \(waiting)") }
  }

  private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
}

/// A user function as the protocol wants it: it changes its copy only while it owes an answer.
private struct ModelFunction {
  enum Incoming {
    case start(FunctionDelta?)
    case delta(FunctionDelta)
    case delete
    case command(Int64, isStreamed: Bool)
    case cancellation(Int64)
  }

  private(set) var value: FunctionValue?
  private var owed: [(id: Int64, isStreamed: Bool)] = []
  private var streams: [Int64] = []
  private var isDeleted = false

  var owesNothing: Bool { owed.isEmpty && !isDeleted }

  /// Takes a message; answers what it says to it at once.
  mutating func receive(
    _ message: Incoming, kind: ReplicatedKind, using random: inout SeededGenerator
  ) -> [ReplicatedMessage] {
    switch message {
    case .start(let delta): if let delta { apply(delta) }
    case .delta(let delta): apply(delta)
    case .delete:
      value = nil
      isDeleted = true
    case .command(let id, let isStreamed): owed.append((id, isStreamed))
    case .cancellation(let id):
      streams.removeAll { $0 == id }
      let change = Bool.random(using: &random) ? self.change(kind, using: &random) : nil
      return [.cancellationAnswered(CancellationAnswer(commandID: id, change: change))]
    }
    return []
  }

  /// Answers a command, in any order, or goes on with a stream.
  mutating func say(
    kind: ReplicatedKind, using random: inout SeededGenerator
  ) -> ReplicatedMessage? {
    if !streams.isEmpty, owed.isEmpty || Bool.random(using: &random) {
      let index = Int.random(in: 0..<streams.count, using: &random)
      let id = streams[index]
      let ends = Int.random(in: 0..<4, using: &random) == 0
      if ends { streams.remove(at: index) }
      return .streamed(
        StreamedMessage(
          commandID: id, action: Bool.random(using: &random) ? .reply(nil) : nil,
          endsStream: ends))
    }
    guard let index = owed.indices.randomElement(using: &random) else { return nil }
    let (id, isStreamed) = owed.remove(at: index)
    if Int.random(in: 0..<12, using: &random) == 0 {
      return .failure(commandID: id, description: "no")
    }
    var reply = ReplicatedReply(commandID: id, action: .reply(nil))
    if Bool.random(using: &random) { reply.change = change(kind, using: &random) }
    if isStreamed, Bool.random(using: &random) {
      reply.isStreamed = true
      streams.append(id)
    }
    return .reply(reply)
  }

  private mutating func apply(_ delta: FunctionDelta) {
    var held = value ?? FunctionValue(emptyOf: delta.kind)
    held.apply(delta)
    value = held
  }

  private mutating func change(
    _ kind: ReplicatedKind, using random: inout SeededGenerator
  ) -> RequestedChange? {
    guard !isDeleted else { return nil }
    let consistency = WriteConsistency.allCases.randomElement(using: &random) ?? .local
    if Int.random(in: 0..<120, using: &random) == 0 {
      value = nil
      isDeleted = true
      return RequestedChange(.delete, consistency: consistency)
    }
    let delta = kind.randomChange(of: value, using: &random)
    var held = value ?? FunctionValue(emptyOf: kind)
    held.applyOwn(delta)
    value = held
    return RequestedChange(.update(delta), consistency: consistency)
  }
}

extension ReplicatedMessage {
  /// The message with a payload of this type in its answer, if it has one.
  fileprivate func marked(_ mark: String) -> ReplicatedMessage {
    let payload = FunctionAction.reply(ReplyPayload(typeURL: mark, value: []))
    switch self {
    case .reply(var reply):
      reply.action = reply.action.map { _ in payload }
      return .reply(reply)
    case .streamed(var message):
      message.action = message.action.map { _ in payload }
      return .streamed(message)
    default: return self
    }
  }
}

extension ReplicatedKind {
  /// A change that a function which holds `value` may make.
  fileprivate func randomChange(
    of value: FunctionValue?, using random: inout SeededGenerator
  ) -> FunctionDelta {
    func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
    func element() -> DataElement { DataElement(typeURL: "t", value: [UInt8(below(4))]) }
    func elements() -> [DataElement] { (0..<below(3)).map { _ in element() } }
    switch self {
    case .gcounter: return .gcounter(increment: UInt64(below(5)))
    case .pncounter: return .pncounter(change: Int64(below(9) - 4))
    case .gset: return .gset(added: elements())
    case .orset:
      return .orset(SetDelta(cleared: below(10) == 0, removed: elements(), added: elements()))
    case .lwwregister:
      return .lwwregister(
        RegisterDelta(
          value: element(), clock: RegisterClock.allCases[below(4)],
          customClockValue: Int64(below(2000))))
    case .flag: return .flag(value == .flag(true) || below(3) == 0)
    case .vote: return .vote(VoteTally(selfVote: below(2) == 0))
    case .ormap:
      var map = MapDelta(cleared: below(20) == 0, removed: below(3) == 0 ? elements() : [])
      if case .ormap(let entries) = value {
        for (key, value) in entries.sorted(by: { $0.key < $1.key }) where below(2) == 0 {
          let delta: FunctionDelta =
            switch value {
            case .pncounter: .pncounter(change: Int64(below(9) - 4))
            default: .orset(SetDelta(removed: elements(), added: elements()))
            }
          map.updated.append(MapEntryDelta(key: key, delta: delta))
        }
      }
      if below(3) == 0 {
        let delta: FunctionDelta =
          below(2) == 0
          ? .pncounter(change: Int64(below(9))) : .orset(SetDelta(added: elements()))
        map.added = [MapEntryDelta(key: element(), delta: delta)]
      }
      return .ormap(map)
    }
  }
}
