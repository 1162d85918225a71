import CloudstateModel
import Eventing
import NIOCore
import ShardStore
import Testing

/// What a consumer does next, step by step.
@Suite struct ConsumerMachineTests {
  private func machine(
    _ configure: (inout ConsumerSettings) -> Void = { _ in }
  ) -> ConsumerMachine {
    var settings = ConsumerSettings()
    configure(&settings)
    var machine = ConsumerMachine(eventLog: "carts", shard: 0, settings: settings)
    machine.start()
    #expect(machine.takeActions() == [.load])
    return machine
  }

  /// A machine that has read `batches` and has handed the first event over.
  private func reading(
    _ batches: [StreamBatch], from position: ConsumerPosition = .start,
    _ configure: (inout ConsumerSettings) -> Void = { _ in }
  ) -> ConsumerMachine {
    var machine = machine(configure)
    machine.loaded(.success(position), now: moment(0), random: 0)
    #expect(machine.takeActions() == [.read(after: position.batches, byteLimit: 64 * 1024)])
    machine.read(.success(page(batches)), now: moment(0), random: 0)
    return machine
  }

  private func page(_ batches: [StreamBatch]) -> StreamPage {
    StreamPage(batches: batches, lastPosition: batches.last?.position ?? .start)
  }

  @Test("Events go one by one, in order; those of other entities are passed by")
  func order() {
    var foreign = batch(2, types: ["X"])
    foreign.entity = EntityKey(persistenceID: "other", entityID: "a")
    var machine = reading([
      batch(1, types: ["A", "B"]), foreign, batch(3, types: []), batch(4, types: ["C"]),
    ])
    var calls: [String] = []
    while let id = machine.takeActions().calledEvent {
      calls.append(id)
      machine.called(.handled, now: moment(0), random: 0)
    }
    #expect(calls == ["0-1-0", "0-1-1", "0-4-0"])
  }

  @Test("It goes on where the stored position says, also within a batch")
  func resumption() {
    var machine = reading(
      [batch(6, types: ["A", "B", "C"])],
      from: ConsumerPosition(batches: Position(5), events: 2))
    #expect(machine.takeActions().calledEvent == "0-6-2")
  }

  @Test("However long the wait is and however often an event fails, the longest wait holds")
  func longWaits() throws {
    let day = TimeAmount.hours(24)
    var machine = reading([batch(1, types: ["A"])]) {
      $0.firstRetryDelay = day
      $0.maximumRetryDelay = day
    }
    var now = moment(0)
    for _ in 0..<30 {
      #expect(machine.takeActions().calledEvent == "0-1-0")
      machine.called(.failed("no"), now: now, random: 0)
      #expect(machine.nextWake == now + day)
      now = now + day
      machine.woke(now: now)
    }
  }

  @Test("At the end it waits, and goes on when the shard has grown")
  func growth() {
    var machine = reading([])
    #expect(machine.takeActions().isEmpty)
    #expect(machine.nextWake == nil)
    machine.grew(to: Position(1), now: moment(5))
    #expect(machine.takeActions() == [.read(after: .start, byteLimit: 64 * 1024)])
    // Growth that is heard of while a read is on its way is read too.
    machine.grew(to: Position(2), now: moment(5))
    machine.read(.success(page([batch(1, types: ["A"])])), now: moment(5), random: 0)
    #expect(machine.takeActions().calledEvent == "0-1-0")
    machine.called(.handled, now: moment(5), random: 0)
    #expect(machine.takeActions() == [.read(after: Position(1), byteLimit: 64 * 1024)])
  }

  @Test("The position is stored after so many events, and the next one waits for it")
  func savesByCount() {
    var machine = reading([batch(1, types: ["A", "B", "C", "D"])]) { $0.eventsPerSave = 2 }
    #expect(machine.takeActions().calledEvent == "0-1-0")
    machine.called(.handled, now: moment(0), random: 0)
    #expect(machine.takeActions().calledEvent == "0-1-1")
    machine.called(.handled, now: moment(0), random: 0)
    #expect(
      machine.takeActions() == [.store(ConsumerPosition(batches: .start, events: 2))])
    machine.stored(.success(()), now: moment(0))
    #expect(machine.takeActions().calledEvent == "0-1-2")
  }

  @Test("The position is stored after some time, beside the calls")
  func savesByTime() {
    var machine = reading([batch(1, types: ["A"]), batch(2, types: ["B"])])
    _ = machine.takeActions()
    machine.called(.handled, now: moment(0), random: 0)
    #expect(machine.takeActions().calledEvent == "0-2-0")
    #expect(machine.nextWake == moment(1000))
    machine.woke(now: moment(1000))
    #expect(machine.takeActions() == [.store(ConsumerPosition(batches: Position(1)))])
    machine.stored(.success(()), now: moment(1001))
    #expect(machine.nextWake == nil)
  }

  @Test("A position that cannot be stored is stored later, and no more events run up until then")
  func failedSave() {
    var machine = reading([batch(1, types: ["A", "B"])]) { $0.eventsPerSave = 1 }
    _ = machine.takeActions()
    machine.called(.handled, now: moment(0), random: 0)
    let store = ConsumerMachine.Action.store(ConsumerPosition(batches: .start, events: 1))
    #expect(machine.takeActions() == [store])
    machine.stored(.failure(StreamReadFailure("full")), now: moment(0))
    #expect(machine.takeActions() == [.report(.cannotStore(reason: "full"))])
    #expect(machine.nextWake == moment(1000))
    machine.woke(now: moment(1000))
    #expect(machine.takeActions() == [store])
    machine.stored(.success(()), now: moment(1000))
    #expect(machine.takeActions().calledEvent == "0-1-1")
  }

  @Test("Long runs of batches without events of the log are not read again after a restart")
  func passedBatches() {
    var machine = reading((1...3).map { batch($0, types: []) }) { $0.passedBatchesPerSave = 3 }
    #expect(machine.takeActions() == [.store(ConsumerPosition(batches: Position(3)))])
  }

  @Test("Waits double up to the longest, with a random part, and the same event comes again")
  func backOff() {
    var machine = reading([batch(1, types: ["A"])])
    var now = 0
    for (random, wait) in [
      (0.0, 3000), (1, 7200), (0, 12_000), (0, 24_000), (0, 30_000), (1, 36_000),
    ] {
      #expect(machine.takeActions().calledEvent == "0-1-0")
      machine.called(.failed("no"), now: moment(now), random: random)
      now += wait
      #expect(machine.nextWake == moment(now))
      machine.woke(now: moment(now - 1))
      #expect(machine.takeActions().calledEvent == nil)
      machine.woke(now: moment(now))
    }
  }

  @Test("What is done before a failure is stored at once")
  func savesBeforeFailures() {
    var machine = reading([batch(1, types: ["A", "B"])])
    _ = machine.takeActions()
    machine.called(.handled, now: moment(0), random: 0)
    _ = machine.takeActions()
    machine.called(.failed("no"), now: moment(0), random: 0)
    #expect(
      machine.takeActions().contains(.store(ConsumerPosition(batches: .start, events: 1))))
  }

  @Test("Without a limit an event is tried for ever, and reported less and less often")
  func forEver() {
    var machine = reading([batch(1, types: ["A"])])
    var reported: [Int] = []
    for _ in 0..<100 {
      _ = machine.takeActions()
      machine.called(.failed("no"), now: moment(0), random: 0)
      for case .report(.retrying(_, let attempts, _, _)) in machine.takeActions() {
        reported.append(attempts)
      }
      machine.woke(now: .distantFuture)
    }
    #expect(reported == [1, 2, 4, 8, 16, 32, 64])
  }

  @Test("An event that failed too often becomes a dead letter, and its position is stored")
  func deadLetter() {
    var machine = reading([batch(1, types: ["A", "B"])]) { $0.maximumAttempts = 2 }
    let event = machine.takeActions().called
    machine.called(.failed("no"), now: moment(0), random: 0)
    machine.woke(now: .distantFuture)
    _ = machine.takeActions()
    machine.called(.failed("no"), now: moment(0), random: 0)
    let actions = machine.takeActions()
    #expect(event.map { actions.contains(.report(.skipped($0, reason: "no"))) } == true)
    #expect(actions.contains(.store(ConsumerPosition(batches: .start, events: 1))))
    #expect(actions.calledEvent == "0-1-1")
  }

  @Test("Outages do not count against an event")
  func outages() {
    var machine = reading([batch(1, types: ["A"])]) { $0.maximumAttempts = 2 }
    for outcome in [EventOutcome.failed("no"), .unavailable("gone"), .unavailable("gone")] {
      #expect(machine.takeActions().calledEvent == "0-1-0")
      machine.called(outcome, now: moment(0), random: 0)
      machine.woke(now: .distantFuture)
    }
    // They count for how long to wait.
    _ = machine.takeActions()
    machine.called(.unavailable("gone"), now: moment(0), random: 0)
    #expect(machine.nextWake == moment(24_000))
  }

  @Test("With the policy stop nothing follows an event that failed too often")
  func halt() {
    var machine = reading([batch(1, types: ["A"]), batch(2, types: ["B"])]) {
      $0.maximumAttempts = 1
      $0.poison = .stop
    }
    let event = machine.takeActions().called
    machine.called(.failed("no"), now: moment(0), random: 0)
    #expect(machine.takeActions() == event.map { [.report(.halted($0, reason: "no"))] } ?? [])
    machine.grew(to: Position(9), now: moment(1))
    machine.woke(now: .distantFuture)
    #expect(machine.takeActions().isEmpty)
    machine.stop(now: moment(2))
    #expect(machine.takeActions() == [.finished])
  }

  @Test("A refusal is tried again under another key, or is the end of it, as the policy says")
  func refusals() {
    var retrying = reading([batch(1, types: ["A"])])
    #expect(retrying.takeActions().calledRefusals == 0)
    retrying.called(.refused("no"), now: moment(0), random: 0)
    #expect(retrying.nextWake == moment(3000))
    retrying.woke(now: moment(3000))
    #expect(retrying.takeActions().calledRefusals == 1)
    // An error says nothing of whether the function refused.
    retrying.called(.failed("lost"), now: moment(3000), random: 0)
    retrying.woke(now: .distantFuture)
    #expect(retrying.takeActions().calledRefusals == 1)

    var skipping = reading([batch(1, types: ["A", "B"])]) { $0.refusals = .skip }
    _ = skipping.takeActions()
    skipping.called(.refused("no"), now: moment(0), random: 0)
    #expect(skipping.takeActions().calledEvent == "0-1-1")
  }

  @Test("Refusals from before a crash are passed over without a wait")
  func rememberedRefusals() {
    var machine = reading([batch(1, types: ["A"])]) { $0.maximumAttempts = 2 }
    for refusals in 0..<5 {
      #expect(machine.takeActions().calledRefusals == refusals)
      machine.called(.refused("no", wasRemembered: true), now: moment(0), random: 0)
    }
    #expect(machine.takeActions().calledRefusals == 5)
  }

  @Test("A log that cannot be read is tried again")
  func failedReads() {
    var machine = machine()
    machine.loaded(.failure(StreamReadFailure("gone")), now: moment(0), random: 0)
    #expect(machine.takeActions() == [.report(.cannotRead(reason: "gone"))])
    machine.woke(now: moment(3000))
    #expect(machine.takeActions() == [.load])
    machine.loaded(.success(.start), now: moment(3000), random: 0)
    _ = machine.takeActions()
    machine.read(.failure(StreamReadFailure("gone")), now: moment(3000), random: 0)
    #expect(machine.takeActions() == [.report(.cannotRead(reason: "gone"))])
    machine.woke(now: moment(6000))
    #expect(machine.takeActions() == [.read(after: .start, byteLimit: 64 * 1024)])
  }

  @Test("Stopping waits for the event that is with the function, and for its position")
  func stopping() {
    var machine = reading([batch(1, types: ["A", "B"])])
    _ = machine.takeActions()
    machine.stop(now: moment(0))
    #expect(machine.takeActions().isEmpty)
    machine.called(.handled, now: moment(1), random: 0)
    #expect(
      machine.takeActions() == [.store(ConsumerPosition(batches: .start, events: 1))])
    machine.stored(.success(()), now: moment(1))
    #expect(machine.takeActions() == [.finished])
    #expect(machine.nextWake == nil)
  }

  @Test("Stopping does not wait for a store that fails, nor for reads and waits")
  func stoppingEarly() {
    var failing = reading([batch(1, types: ["A"])])
    _ = failing.takeActions()
    failing.stop(now: moment(0))
    failing.called(.handled, now: moment(0), random: 0)
    _ = failing.takeActions()
    failing.stored(.failure(StreamReadFailure("full")), now: moment(0))
    #expect(failing.takeActions().last == .finished)

    var loading = machine()
    loading.stop(now: moment(0))
    #expect(loading.takeActions() == [.finished])
    loading.loaded(.success(.start), now: moment(0), random: 0)
    #expect(loading.takeActions().isEmpty)

    var waiting = reading([batch(1, types: ["A"])])
    _ = waiting.takeActions()
    waiting.called(.failed("no"), now: moment(0), random: 0)
    _ = waiting.takeActions()
    waiting.stop(now: moment(1))
    #expect(waiting.takeActions() == [.finished])
  }
}

extension [ConsumerMachine.Action] {
  /// The event that is handed over.
  var called: ConsumedEvent? {
    for case .call(let event, _) in self { return event }
    return nil
  }

  var calledEvent: String? { called?.id }

  var calledRefusals: Int? {
    for case .call(_, let refusals) in self { return refusals }
    return nil
  }
}
