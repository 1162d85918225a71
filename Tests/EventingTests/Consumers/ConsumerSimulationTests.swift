import CloudstateModel
import Eventing
import NIOCore
import ShardStore
import TestSupport
import Testing

/// Consumers under random commits, page sizes, failing calls, refusals, failing stores and crashes: every event
/// is done at least once, in order, one at a time, and no more of them twice than the settings allow.
@Suite struct ConsumerSimulationTests {
  @Test("At least once, in order, with bounded repetition", arguments: 0..<4)
  func atLeastOnce(run: Int) {
    let seed = testSeed("consumer simulation \(run)")
    for offset in 0..<40 {
      var world = ConsumerWorld(seed: seed &+ UInt64(offset))
      world.run()
    }
  }
}

/// One shard, one consumer of it, and a function and a store that fail.
private struct ConsumerWorld {
  private var random: SeededGenerator
  private var settings = ConsumerSettings()
  private var now = 0
  private var stream: [StreamBatch] = []
  private var durable = ConsumerPosition.start
  private var machine: ConsumerMachine
  private var pending: [ConsumerMachine.Action] = []
  /// The events of the log, and the place of each among them.
  private var expected: [String] = []
  private var places: [String: Int] = [:]
  /// Events the function has handled, in its order.
  private var handled: [String] = []
  private var isCalm = false

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    settings.eventsPerSave = Int.random(in: 1...5, using: &random)
    settings.passedBatchesPerSave = Int.random(in: 1...5, using: &random)
    machine = ConsumerMachine(eventLog: "carts", shard: 0, settings: settings)
  }

  mutating func run() {
    machine.start()
    var checked = 0
    for _ in 0..<400 {
      step()
      for index in checked..<handled.count { check(index) }
      checked = handled.count
    }
    isCalm = true
    for _ in 0..<2000 where handled.last != expected.last || !pending.isEmpty { step() }
    for index in checked..<handled.count { check(index) }
    #expect(Set(handled) == Set(expected))
    machine.stop(now: moment(now))
    for _ in 0..<10 { step() }
    let last = stream.last { $0.entity.persistenceID == "carts" && !$0.events.isEmpty }
    #expect(durable.batches >= last?.position ?? .start)
  }

  /// An event follows the one before it, or goes back no further than the settings allow.
  private func check(_ index: Int) {
    guard let place = places[handled[index]] else {
      Issue.record("\(handled[index]) is no event")
      return
    }
    let before = index == 0 ? -1 : places[handled[index - 1]] ?? -1
    #expect(place <= before + 1, "an event was left out")
    #expect(place > before - settings.eventsPerSave, "more repeated than allowed")
  }

  private mutating func step() {
    now += Int.random(in: 0...500, using: &random)
    switch isCalm ? 9 : Int.random(in: 0..<12, using: &random) {
    case 0, 1, 2: commit()
    case 3 where chance(0.2): crash()
    case 4: machine.grew(to: Position(UInt64(stream.count)), now: moment(now))
    default:
      pending += machine.takeActions()
      // Outcomes of different kinds may overtake each other.
      if pending.isEmpty {
        wake()
      } else {
        answer(pending.remove(at: Int.random(in: pending.indices, using: &random)))
      }
    }
    pending += machine.takeActions()
    let calls = pending.filter { if case .call = $0 { true } else { false } }
    #expect(calls.count <= 1, "two events at the same time")
  }

  private mutating func wake() {
    machine.grew(to: Position(UInt64(stream.count)), now: moment(now))
    guard let wake = machine.nextWake else { return }
    now = max(now, Int(wake.uptimeNanoseconds / 1_000_000) - 1_000_000 + 1)
    machine.woke(now: moment(now))
  }

  private mutating func commit() {
    let types = (0..<Int.random(in: 0...3, using: &random)).map { "T\($0)" }
    var new = batch(UInt64(stream.count + 1), types: types)
    if chance(0.3) { new.entity = EntityKey(persistenceID: "others", entityID: "x") }
    stream.append(new)
    guard new.entity.persistenceID == "carts" else { return }
    for index in new.events.indices {
      let id = "0-\(new.position)-\(index)"
      places[id] = expected.count
      expected.append(id)
    }
  }

  private mutating func crash() {
    if let event = pending.called, chance(0.5) { handled.append(event.id) }
    pending.removeAll()
    machine = ConsumerMachine(eventLog: "carts", shard: 0, settings: settings)
    machine.start()
  }

  private mutating func answer(_ action: ConsumerMachine.Action) {
    let fails = !isCalm && chance(0.2)
    let failure = StreamReadFailure("no")
    let draw = Double.random(in: 0...1, using: &random)
    switch action {
    case .load:
      machine.loaded(fails ? .failure(failure) : .success(durable), now: moment(now), random: draw)
    case .read(let after, _):
      let rest = stream.dropFirst(Int(after.number))
      let page = Array(rest.prefix(Int.random(in: 1...4, using: &random)))
      machine.read(
        fails
          ? .failure(failure)
          : .success(StreamPage(batches: page, lastPosition: Position(UInt64(stream.count)))),
        now: moment(now), random: draw)
    case .call(let event, _):
      // It may have been handled although the answer is lost.
      if !fails || chance(0.5) { handled.append(event.id) }
      let failures = [EventOutcome.failed("no"), .refused("no"), .unavailable("no")]
      let failed = failures.randomElement(using: &random) ?? .failed("no")
      machine.called(fails ? failed : .handled, now: moment(now), random: draw)
    case .store(let position):
      #expect(position > durable, "a position goes back or stands still")
      if !fails { durable = position }
      machine.stored(fails ? .failure(failure) : .success(()), now: moment(now))
    case .report, .finished: break
    }
  }

  private mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &random) < probability
  }
}
