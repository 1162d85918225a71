import CloudstateModel
import Logging
import NIOCore
import ShardStore

/// What all consumers of a node share.
struct ConsumerEnvironment: Sendable {
  let service: ServiceName
  let reader: LocalStreamReader
  let caller: any EventCaller
  let slots: CallSlots
  let settings: ConsumerSettings
  let logger: Logger
}

/// Carries out what a ``ConsumerMachine`` decides. Loop-bound.
final class ShardConsumer {
  private let consumer: EventConsumer
  private let shard: ShardID
  private let eventLoop: any EventLoop
  private let environment: ConsumerEnvironment
  private var machine: ConsumerMachine
  private var timer: Scheduled<Void>?
  private var isPerforming = false
  private var finished: (() -> Void)?

  init(
    consumer: EventConsumer, shard: UInt32, eventLoop: any EventLoop,
    environment: ConsumerEnvironment
  ) {
    self.consumer = consumer
    self.shard = ShardID(service: environment.service, index: shard)
    self.eventLoop = eventLoop
    self.environment = environment
    machine = ConsumerMachine(
      eventLog: consumer.id.eventLog, shard: shard, settings: environment.settings)
  }

  func start() { change { $0.start() } }

  func grew(to position: Position) { change { $0.grew(to: position, now: .now()) } }

  /// `finished` is called on the loop, once, when nothing more will come of this consumer.
  func stop(finished: @escaping () -> Void) {
    self.finished = finished
    change { $0.stop(now: .now()) }
  }

  /// After ``stop(finished:)``: the shard is lost, and nothing more may be stored for it.
  func giveUp() { change { $0.giveUp(now: .now()) } }

  /// Tells the machine something, and does what it wants.
  private func change(_ body: (inout ConsumerMachine) -> Void) {
    body(&machine)
    // Some actions complete at once, from within: the outer round sees what followed.
    guard !isPerforming else { return }
    isPerforming = true
    while true {
      let actions = machine.takeActions()
      if actions.isEmpty { break }
      actions.forEach(perform)
    }
    isPerforming = false
    schedule()
  }

  private func perform(_ action: ConsumerMachine.Action) {
    let (id, shard) = (consumer.id, shard)
    switch action {
    case .load:
      look({ store throws(StoreError) in try store.position(of: id, in: shard) }) {
        $0.loaded($1, now: .now(), random: .random(in: 0...1))
      }
    case .read(let after, let byteLimit):
      look({ store throws(StoreError) in
        try LocalStreamReader.page(of: shard, after: after, byteLimit: byteLimit, in: store)
      }) { $0.read($1, now: .now(), random: .random(in: 0...1)) }
    case .store(let position):
      look({ store throws(StoreError) in try store.setPosition(position, of: id, in: shard) }) {
        $0.stored($1, now: .now())
      }
    case .call(let event, let refusals):
      call(event, refusals: refusals)
    case .report(let report):
      environment.logger.log(report, consumer: id)
    case .finished:
      timer?.cancel()
      finished?()
      finished = nil
    }
  }

  /// Does something with the store on a reader thread and tells the machine of the outcome.
  private func look<Value: Sendable>(
    _ body: @escaping @Sendable (any ShardStore) throws(StoreError) -> Value,
    then tell:
      @escaping @Sendable (
        inout ConsumerMachine, Result<Value, StreamReadFailure>
      ) -> Void
  ) {
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    let eventLoop = eventLoop
    environment.reader.run(body) { result in
      eventLoop.execute { own.value.change { tell(&$0, result) } }
    }
  }

  private func call(_ event: ConsumedEvent, refusals: Int) {
    guard let call = consumer.call(for: event) else {
      let type = event.event.payload.typeURL
      let reason =
        "no method of \(consumer.id) takes \(type); add one, or one that takes google.protobuf.Any"
      change { $0.called(.failed(reason), now: .now(), random: .random(in: 0...1)) }
      return
    }
    let key = consumer.key(for: event, refusals: refusals)
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    environment.slots.acquire(on: eventLoop) { own.value.start(call, key: key) }
  }

  private func start(_ call: FunctionCall, key: String) {
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    let slots = environment.slots
    let ended: @Sendable (EventOutcome) -> Void = { outcome in
      slots.release()
      own.value.change { $0.called(outcome, now: .now(), random: .random(in: 0...1)) }
    }
    // It may have waited in line for a while.
    guard !machine.isStopping else { return ended(.unavailable("the consumer stops")) }
    environment.caller.call(call, key: key, on: eventLoop, completion: ended)
  }

  private func schedule() {
    timer?.cancel()
    timer = nil
    guard let wake = machine.nextWake else { return }
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    timer = eventLoop.scheduleTask(deadline: wake) {
      own.value.change { $0.woke(now: .now()) }
    }
  }
}
