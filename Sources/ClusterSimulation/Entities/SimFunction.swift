import CloudstateModel
import EntityRuntime
import ShardStore

/// A node's user function: it may be slow, refuse, fail, crash, or be gone for a while.
final class SimFunction {
  private unowned let run: NodeRun
  /// Nothing can be reached before.
  var isGoneUntil: UInt64 = 0

  init(_ run: NodeRun) { self.run = run }

  var isGone: Bool { run.cluster.world.now < isGoneUntil }

  func open(for entity: SimEntity) -> SimFunctionStream {
    SimFunctionStream(entity, self, run)
  }
}

/// One entity's stream to the function, with the function's side of it.
final class SimFunctionStream {
  private weak var entity: SimEntity?
  private let process: SimProcess
  private let world: World
  private unowned let cluster: SimCluster
  private let key: EntityKey
  private var list: [UInt64] = []
  private var hasEnded = false
  /// When the last message arrives at the other side: a stream keeps its order.
  private var lastArrival: UInt64 = 0

  init(_ entity: SimEntity, _ function: SimFunction, _ run: NodeRun) {
    self.entity = entity
    process = run.process
    world = run.cluster.world
    cluster = run.cluster
    key = entity.key
    if function.isGone { end(.unreachable("the function is gone"), after: 100_000) }
  }

  // MARK: From the node

  func start(_ snapshot: StoredSnapshot?) { list = ListEntity.numbers(snapshot?.payload) }

  func replay(_ events: [StoredEvent]) {
    for event in events { list += ListEntity.numbers(event.payload) }
  }

  func command(_ command: EntityCommand, id: Int64) {
    var span = world.random.span(20_000...400_000)
    if happens(\.slowCommandPPM) {
      span = world.random.span(20 * Span.millisecond...2 * Span.second)
    }
    later(span) { [self] in
      if happens(\.functionCrashPPM) {
        end(.ended, after: 0)
      } else {
        say(.reply(reply(to: command, id: id)))
      }
    }
  }

  func close() { end(.ended, after: world.random.span(20_000...400_000)) }
  func reset() { end(.ended, after: 1_000) }

  // MARK: The function

  private func happens(_ ppm: KeyPath<SimulationSettings, Int>) -> Bool {
    !cluster.isPeaceful && world.random.chance(ppm: cluster.settings[keyPath: ppm])
  }

  private func reply(to command: EntityCommand, id: Int64) -> FunctionReply {
    if happens(\.functionFailurePPM) {
      let restart = world.random.chance(ppm: 300_000)
      return FunctionReply(
        commandID: id, action: .failure(description: "refused", restart: restart))
    }
    guard command.method == "Append", let number = ListEntity.number(command.payload) else {
      return FunctionReply(commandID: id, action: .reply(ListEntity.reply(ListState(list))))
    }
    list.append(number)
    let isValue = key.kind == .value
    let event = ListEntity.payload(isValue ? list : [number])
    let wantsSnapshot = isValue || list.count % 5 == 0
    return FunctionReply(
      commandID: id, action: .reply(ListEntity.reply(ListState(list))), events: [event],
      snapshot: wantsSnapshot ? ListEntity.payload(list) : nil)
  }

  private func say(_ message: FunctionMessage) {
    guard !hasEnded else { return }
    entity?.received(message)
  }

  private func end(_ end: StreamEnd, after span: UInt64) {
    later(span) { [self] in
      guard !hasEnded else { return }
      hasEnded = true
      entity?.ended(end)
    }
  }

  private func later(_ span: UInt64, _ action: @escaping () -> Void) {
    lastArrival = max(lastArrival + 1, world.now + span)
    process.after(lastArrival - world.now, action)
  }
}
