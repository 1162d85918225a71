import CloudstateModel
import EntityRuntime
import ShardStore
import TestSupport
import Testing

/// A machine among a function, a store and callers that do anything in any order, from a seed.
@Suite struct EntityMachinePropertyTests {
  @Test(
    "Whatever happens, each caller is answered once and nothing is acknowledged that is not durable"
  )
  func randomLives() {
    let seed = testSeed("entity machine lives")
    for round in 0..<400 {
      var world = World(seed: seed &+ UInt64(round), leaves: round.isMultiple(of: 2))
      for _ in 0..<300 { world.step() }
      world.finish()
      #expect(world.violations == [], "round \(round) of seed \(seed)")
      if !world.violations.isEmpty { return }
    }
  }
}

/// The smallest world an entity can live in.
private struct World {
  struct Batch {
    let order: CommitOrder
    let ticket: UInt64?
  }

  var violations: [String] = []
  private var random: SeededGenerator
  private var machine = EntityMachine(shard: 0, limits: limits)
  private var actions: [EntityAction] = []
  private var now: UInt64 = 0

  // What the surroundings hold.
  private var wantsStream = false
  private var streamIsOpen = false
  private var streamIsEnding = false
  private var outstanding: Int64?
  private var reads: [SequenceNumber?] = []
  private var uncommitted: [Batch] = []
  private var durable: [Int64] = []
  private var durableKeys: [String: (UInt64, CommandAnswer)] = [:]
  private var keyEvents: [String: Int] = [:]

  // What callers know.
  private var nextTicket: UInt64 = 0
  private var open: Set<UInt64> = []
  private var keyOfTicket: [UInt64: String] = [:]
  // Which command is with the function, and whose events were given to the store.
  private var ticketAtFunction: UInt64?
  private var submitted: Set<UInt64> = []
  private let leaves: Bool

  private static var limits: EntityMachine.Limits {
    var limits = EntityMachine.Limits()
    limits.queuedCommands = 5
    limits.uncommittedBatches = 3
    limits.commandsPerTurn = 4
    return limits
  }

  /// - Parameter leaves: whether the shard leaves the node some time.
  init(seed: UInt64, leaves: Bool) {
    random = SeededGenerator(seed: seed)
    self.leaves = leaves
  }

  mutating func step() {
    now += 1
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<30: command()
    case 30..<65: functionAnswers()
    case 65..<85: storeAnswers(fails: Int.random(in: 0..<40, using: &random) == 0)
    case 85..<88: endStream()
    case 88..<91: _ = machine.passivate(into: &actions)
    case 91..<92 where streamIsOpen:
      machine.received(.empty, epoch: Epoch(1), now: now, into: &actions)
    case 92..<93: machine.commandTimedOut(into: &actions)
    case 93..<94 where leaves && Int.random(in: 0..<2, using: &random) == 0:
      if Bool.random(using: &random) {
        machine.handOver(now: now, into: &actions)
      } else {
        machine.giveUp(because: "test", now: now, into: &actions)
      }
    default: surroundings()
    }
    perform()
  }

  /// Lets everything come to rest, then checks that nobody is left waiting.
  mutating func finish() {
    machine.stop(now: now, into: &actions)
    perform()
    for _ in 0..<1000 where !(open.isEmpty && machine.isRetired) {
      now += 1
      surroundings()
      perform()
      functionAnswers()
      perform()
      storeAnswers(fails: false)
      perform()
    }
    if !open.isEmpty { violations.append("callers left waiting: \(open.sorted())") }
    if !machine.isRetired { violations.append("the entity did not retire") }
  }

  private mutating func command() {
    nextTicket += 1
    var command = Trace.sampleCommand
    if Bool.random(using: &random) {
      let key = "k\(Int.random(in: 0..<6, using: &random))"
      command.idempotencyKey = key
      keyOfTicket[nextTicket] = key
    }
    open.insert(nextTicket)
    command.metadata = [CommandMetadata(key: "ticket", value: .text("\(nextTicket)"))]
    machine.receive(command, ticket: CommandTicket(nextTicket), now: now, into: &actions)
  }

  private mutating func functionAnswers() {
    guard streamIsOpen, !streamIsEnding, let id = outstanding else { return }
    outstanding = nil
    let events = Array(
      repeating: OpaquePayload.sample, count: Int.random(in: 0...2, using: &random))
    let action: FunctionAction =
      switch Int.random(in: 0..<12, using: &random) {
      case 0: .failure(description: "no", restart: true)
      case 1: .failure(description: "no", restart: false)
      default: .reply(nil)
      }
    machine.received(
      .reply(FunctionReply(commandID: id, action: action, events: events)), epoch: Epoch(1),
      contended: Int.random(in: 0..<5, using: &random) == 0, now: now, into: &actions)
  }

  private mutating func storeAnswers(fails: Bool) {
    guard !uncommitted.isEmpty else { return }
    if fails {
      // A failed write stops the shard: everything queued behind it fails too.
      let count = uncommitted.count
      let code: StoreError.Code = Bool.random(using: &random) ? .writeFailed : .staleEpoch
      if code == .staleEpoch { submitted.subtract(uncommitted.compactMap(\.ticket)) }
      uncommitted.removeAll()
      for _ in 0..<count {
        machine.committed(.failure(StoreError(code, "no")), now: now, into: &actions)
      }
      return
    }
    let batch = uncommitted.removeFirst()
    for index in batch.order.events.indices {
      let sequence = batch.order.firstSequence.number + Int64(index)
      if sequence != (durable.last ?? 0) + 1 { violations.append("gap before event \(sequence)") }
      durable.append(sequence)
    }
    if let remember = batch.order.remember {
      if durableKeys[remember.key] != nil { violations.append("key \(remember.key) ran twice") }
      durableKeys[remember.key] = (remember.fingerprint, remember.answer)
    }
    machine.committed(
      .success(Position(UInt64(durable.count))), now: now, into: &actions)
  }

  private mutating func endStream() {
    guard streamIsOpen else { return }
    streamGone()
  }

  private mutating func streamGone() {
    streamIsOpen = false
    streamIsEnding = false
    outstanding = nil
    reads.removeAll()
    machine.streamEnded(.ended, now: now, into: &actions)
  }

  /// Slots, journal reads and stream ends that are due.
  private mutating func surroundings() {
    if wantsStream {
      wantsStream = false
      machine.streamGranted(now: now, into: &actions)
    } else if !reads.isEmpty {
      let after = reads.removeFirst()
      let start = after?.number ?? 0
      let rest = durable.filter { $0 > start }
      let page = rest.prefix(2)
      machine.recovered(
        .success(
          RecoveryPage(
            snapshot: nil,
            events: page.map {
              StoredEvent(
                sequence: SequenceNumber($0), time: Timestamp(unixMilliseconds: 0),
                payload: .sample)
            }, hasMore: page.count < rest.count)), now: now, into: &actions)
    } else if streamIsEnding {
      streamGone()
    }
  }

  private mutating func perform() {
    while !actions.isEmpty {
      let action = actions.removeFirst()
      switch action {
      case .requestStream: wantsStream = true
      case .openStream:
        if streamIsOpen { violations.append("a second stream was opened") }
        if !uncommitted.isEmpty {
          violations.append("recovery began before the journal held still")
        }
        streamIsOpen = true
      case .recover(let after): reads.append(after)
      case .sendInit, .sendEvents, .releaseStream, .declineStream, .report, .retire: break
      case .lookUpKey(let key):
        let lookup: KeyLookup =
          durableKeys[key].map { .remembered(fingerprint: $0.0, $0.1) } ?? .absent
        machine.keyLookedUp(lookup, now: now, into: &actions)
      case .sendCommand(let id, let command):
        if outstanding != nil { violations.append("two commands at the function") }
        outstanding = id
        if case .text(let ticket) = command.metadata.first?.value {
          ticketAtFunction = UInt64(ticket)
        }
      case .commit(let order):
        if let ticketAtFunction { submitted.insert(ticketAtFunction) }
        uncommitted.append(Batch(order: order, ticket: ticketAtFunction))
      case .complete(let ticket, let answer): check(ticket.number, answer)
      case .endStream, .resetStream: streamIsEnding = true
      }
    }
  }

  private mutating func check(_ ticket: UInt64, _ answer: CommandAnswer) {
    if open.remove(ticket) == nil { violations.append("ticket \(ticket) answered twice") }
    if case .error(let error) = answer.outcome {
      if error.code == .shardUnavailable, submitted.contains(ticket) {
        violations.append("ticket \(ticket) may run elsewhere, and its events may be stored")
      }
      return
    }
    if let commitment = answer.commitment, commitment.eventCount > 0 {
      let last = commitment.firstSequence.number + Int64(commitment.eventCount) - 1
      if last > durable.last ?? 0 { violations.append("answered before event \(last) was durable") }
    }
    if !uncommitted.isEmpty, let key = keyOfTicket[ticket], durableKeys[key] == nil {
      if case .failure = answer.outcome { return }
      violations.append("the answer of key \(key) was given before it was remembered")
    }
  }
}
