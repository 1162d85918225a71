import CloudstateModel
import TestSupport
import Testing

@testable import CloudstateNode

/// Clients that do not wait for answers, and owners that come and go, from a seed.
struct HeldCommandsSimulationTests {
  @Test("Whatever owners do, each command has one end and none overtakes one that stands in line")
  func randomOwners() {
    let seed = testSeed("held commands")
    for round in 0..<300 {
      var world = World(seed: seed &+ UInt64(round))
      for _ in 0..<400 { world.step() }
      world.finish()
      #expect(world.violations == [], "round \(round) of seed \(seed)")
      if !world.violations.isEmpty { return }
    }
  }
}

/// One shard, one client, and an owner that refuses at times. Messages to the owner and back keep their order,
/// as on a link; steps of the client's loop do, too.
private struct World {
  typealias Held = HeldCommands<UInt64>

  enum Task {
    case send(Held.Entry, isProbe: Bool)
    case released(Int)
  }

  var violations: [String] = []
  private var random: SeededGenerator
  private var held: Held
  private var actions: [Held.Action] = []
  private var now: UInt64 = 0
  /// What the client's loop will do.
  private var loop: [Task] = []
  private var toOwner: [(entry: Held.Entry, isProbe: Bool)] = []
  private var toClient: [(entry: Held.Entry, isProbe: Bool, isTaken: Bool)] = []
  private var wakes: [UInt64] = []
  private var serves = true
  private var lastArrival: UInt64 = 0
  /// Since when commands stand in line, are tried alone, or are about to be sent.
  private var inLine: [UInt64: UInt64] = [:]
  private var open: Set<UInt64> = []

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    var settings = Held.Settings()
    settings.maximumHeld = 20
    settings.firstDelay = 5
    settings.maximumDelay = 25
    // Longer than any answer takes here.
    settings.patience = 1_000_000
    held = Held(settings)
  }

  mutating func step() {
    now += 1
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<25: command()
    case 25..<45: runLoop()
    case 45..<65: ownerReceives()
    case 65..<85: clientReceives()
    case 85..<88: serves.toggle()
    case 88..<90: held.changed(0, now: now, into: &actions)
    default: wake()
    }
    perform()
  }

  mutating func finish() {
    serves = true
    for _ in 0..<10_000 where !(open.isEmpty && held.isEmpty) {
      now += 1
      runLoop()
      ownerReceives()
      clientReceives()
      wake()
      perform()
    }
    if !open.isEmpty { violations.append("without an end: \(open.sorted())") }
    if held.count != 0 || !held.isEmpty { violations.append("\(held.count) are held for ever") }
  }

  private mutating func command() {
    lastArrival = max(lastArrival + 1, now)
    let until = now + UInt64.random(in: 10..<400, using: &random)
    let entry = Held.Entry(lastArrival, arrival: lastArrival, until: until)
    open.insert(lastArrival)
    if !held.isEmpty, held.join(entry, shard: 0, into: &actions) {
      inLine[entry.arrival] = now
      return
    }
    toOwner.append((entry, false))
  }

  private mutating func runLoop() {
    guard !loop.isEmpty else { return }
    switch loop.removeFirst() {
    case .send(let entry, let isProbe):
      if !isProbe { inLine[entry.arrival] = nil }
      toOwner.append((entry, isProbe))
    case .released(let number): held.released(number, of: 0, now: now, into: &actions)
    }
    perform()
  }

  private mutating func ownerReceives() {
    guard !toOwner.isEmpty else { return }
    let (entry, isProbe) = toOwner.removeFirst()
    if serves {
      for (other, since) in inLine where other < entry.arrival && since < entry.arrival {
        violations.append("\(entry.arrival) overtook \(other)")
      }
    }
    toClient.append((entry, isProbe, serves))
  }

  private mutating func clientReceives() {
    guard !toClient.isEmpty else { return }
    let (entry, isProbe, isTaken) = toClient.removeFirst()
    if isTaken {
      if isProbe { held.probeTaken(entry, of: 0, now: now, into: &actions) }
      end(entry.command)
      return
    }
    let error = CommandError(.shardUnavailable, "away")
    if inLine[entry.arrival] == nil { inLine[entry.arrival] = now }
    if isProbe {
      held.probeRefused(
        entry, of: 0, because: error, ownerChanged: false, now: now, into: &actions)
    } else {
      held.refused(entry, of: 0, because: error, ownerChanged: false, now: now, into: &actions)
    }
  }

  private mutating func wake() {
    let due = wakes.filter { $0 <= now }
    wakes.removeAll { $0 <= now }
    for _ in due { held.woke(0, now: now, into: &actions) }
  }

  private mutating func end(_ command: UInt64) {
    inLine[command] = nil
    if open.remove(command) == nil { violations.append("\(command) ended twice") }
  }

  private mutating func perform() {
    while !actions.isEmpty {
      switch actions.removeFirst() {
      case .probe(let entry): loop.append(.send(entry, isProbe: true))
      case .release(let entries):
        loop += entries.map { .send($0, isProbe: false) } + [.released(entries.count)]
      case .fail(let command, _): end(command)
      case .wake(let time): wakes.append(time)
      }
    }
  }
}
