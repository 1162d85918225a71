import CloudstateModel
import ClusterControl
import EntityRuntime
import MessageBus
import NIOCore
import Synchronization

/// The entities of this node, as the router sees them.
protocol LocalEntities: Sendable {
  func eventLoop(of shard: ShardID) -> any EventLoop

  /// `completion` is called exactly once, on ``eventLoop(of:)``.
  func submit(
    _ command: EntityCommand, shard: ShardID,
    completion: @escaping @Sendable (CommandAnswer) -> Void)
}

extension EntityRuntime: LocalEntities {}

/// Brings each command to the node that runs its shard: here over to the shard's event loop, elsewhere over the
/// bus.
///
/// While the owner cannot be reached, does not serve the shard (yet, or any more), or the shard is not assigned,
/// commands that were not started are held in the order in which they came, and tried again: when the shard's
/// assignment changes, and now and then. A node that restarts, or a plan that is on its way, is usually back
/// before a client would be. Time and number of held commands are bounded.
final class CommandRouter: Sendable {
  /// What is left of a caller's time for the answer that its command was not started.
  private static let answerTime: UInt64 = 250_000_000

  private let cluster: ClusterReference
  private let entities: any LocalEntities
  private let bus: any MessageBus
  private let methods: EntityMethods
  private let service: ServiceName
  private let shardCount: UInt32
  private let commandTimeout: TimeAmount
  /// In nanoseconds.
  private let ownerTimeout: UInt64
  private let held = Mutex(HeldCommands<RoutedCommand>())
  /// Whether any shard has held commands; looked at for each command, without a lock. Whoever sends two commands
  /// does so on one event loop, which knows what it has stored itself.
  private let holdsCommands = Atomic(false)

  /// - Parameters:
  ///   - commandTimeout: how long a routed command may take when the caller sets no deadline.
  ///   - ownerTimeout: how long a command waits for an owner that cannot be reached.
  init(
    cluster: ClusterReference, entities: any LocalEntities, bus: any MessageBus,
    methods: EntityMethods, service: ServiceName, shardCount: UInt32, commandTimeout: TimeAmount,
    ownerTimeout: TimeAmount
  ) {
    self.cluster = cluster
    self.entities = entities
    self.bus = bus
    self.methods = methods
    self.service = service
    self.shardCount = shardCount
    self.commandTimeout = commandTimeout
    self.ownerTimeout = UInt64(clamping: ownerTimeout.nanoseconds)
  }

  /// Brings a command to its entity and answers what the entity's node made of it. `completion` is called
  /// exactly once, on `eventLoop`, from which the call must come too.
  func route(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    let shard = ShardID(
      service: service, index: command.entity.shardIndex(shardCount: shardCount))
    let routed = RoutedCommand(
      command: command, shard: shard, arrival: NIODeadline.now().uptimeNanoseconds,
      eventLoop: eventLoop, completion: completion)
    if holdsCommands.load(ordering: .relaxed), joinLine(routed) { return }
    attempt(routed)
  }

  /// The shard's assignment has changed, or this node serves it now: what is held for it is tried. Any thread.
  func shardChanged(_ shard: ShardID) {
    guard holdsCommands.load(ordering: .relaxed) else { return }
    change(shard) { $0.changed(shard.index, now: $2, into: &$1) }
  }

  // MARK: Sending

  /// A command and who waits for it.
  private struct RoutedCommand: Sendable {
    let command: EntityCommand
    let shard: ShardID
    /// When it came, in nanoseconds of the monotonic clock.
    let arrival: UInt64
    let eventLoop: any EventLoop
    let completion: @Sendable (CommandAnswer) -> Void

    func complete(_ answer: CommandAnswer) {
      if eventLoop.inEventLoop {
        completion(answer)
      } else {
        eventLoop.execute { completion(answer) }
      }
    }
  }

  private typealias Held = HeldCommands<RoutedCommand>

  /// - Parameter isProbe: whether others wait to hear that it was taken.
  private func attempt(_ routed: RoutedCommand, isProbe: Bool = false) {
    guard let owner = cluster.handle?.snapshot.owner(of: routed.shard.index) else {
      refused(
        routed,
        CommandError(
          .shardUnavailable,
          "shard \(routed.shard) is not assigned to a node yet; retry when the cluster is complete"),
        under: nil, isProbe: isProbe)
      return
    }
    let epoch = owner.epoch
    guard owner.primary == bus.nodeID else {
      send(routed, to: owner.primary, under: epoch, isProbe: isProbe)
      return
    }
    entities.submit(routed.command, shard: routed.shard) { answer in
      if routed.eventLoop.inEventLoop {
        self.answered(answer, routed, under: epoch, isProbe: isProbe)
      } else {
        routed.eventLoop.execute {
          self.answered(answer, routed, under: epoch, isProbe: isProbe)
        }
      }
    }
  }

  private func send(
    _ routed: RoutedCommand, to owner: NodeID, under epoch: Epoch, isProbe: Bool
  ) {
    let timeout = remainingTime(of: routed.command)
    bus.request(
      .command(service: service, method: routed.command.method),
      payload: RoutedCommandCodec.encode(routed.command, methods: methods, timeout: timeout),
      to: owner,
      timeout: timeout, on: routed.eventLoop
    ) { result in
      self.answered(
        RoutedCommandCodec.answer(result, owner: owner), routed, under: epoch, isProbe: isProbe)
    }
  }

  private func answered(
    _ answer: CommandAnswer, _ routed: RoutedCommand, under epoch: Epoch, isProbe: Bool
  ) {
    // This code alone says that the command was not started, so that trying again cannot run it twice.
    if case .error(let error) = answer.outcome, error.code == .shardUnavailable {
      refused(routed, error, under: epoch, isProbe: isProbe)
      return
    }
    if isProbe {
      let entry = entry(routed)
      change(routed.shard) { $0.probeTaken(entry, of: routed.shard.index, now: $2, into: &$1) }
    }
    routed.completion(answer)
  }

  private func remainingTime(of command: EntityCommand) -> TimeAmount {
    guard let deadline = command.deadline else { return commandTimeout }
    let remaining = NIODeadline.uptimeNanoseconds(deadline) - NIODeadline.now()
    return max(.milliseconds(1), min(remaining, commandTimeout))
  }

  // MARK: Holding

  private func entry(_ routed: RoutedCommand) -> Held.Entry {
    let deadline = routed.command.deadline.map { $0 - min($0, Self.answerTime) } ?? .max
    let (limit, overflows) = routed.arrival.addingReportingOverflow(ownerTimeout)
    return Held.Entry(
      routed, arrival: routed.arrival, until: min(overflows ? .max : limit, deadline))
  }

  private func joinLine(_ routed: RoutedCommand) -> Bool {
    let entry = entry(routed)
    var isTaken = false
    change(routed.shard) { held, actions, _ in
      isTaken = held.join(entry, shard: routed.shard.index, into: &actions)
    }
    return isTaken
  }

  /// - Parameter epoch: that of the assignment by which it was sent; `nil` if there was none.
  private func refused(
    _ routed: RoutedCommand, _ error: CommandError, under epoch: Epoch?, isProbe: Bool
  ) {
    let index = routed.shard.index
    let ownerChanged = cluster.handle?.snapshot.owner(of: index)?.epoch != epoch
    let entry = entry(routed)
    change(routed.shard) { held, actions, now in
      if isProbe {
        held.probeRefused(
          entry, of: index, because: error, ownerChanged: ownerChanged, now: now, into: &actions)
      } else {
        held.refused(
          entry, of: index, because: error, ownerChanged: ownerChanged, now: now, into: &actions)
      }
    }
  }

  private func change(
    _ shard: ShardID, _ body: (inout Held, inout [Held.Action], UInt64) -> Void
  ) {
    let now = NIODeadline.now().uptimeNanoseconds
    var actions: [Held.Action] = []
    held.withLock { held in
      body(&held, &actions, now)
      holdsCommands.store(!held.isEmpty, ordering: .relaxed)
    }
    for action in actions { perform(action, of: shard) }
  }

  private func perform(_ action: Held.Action, of shard: ShardID) {
    switch action {
    case .probe(let entry):
      let routed = entry.command
      routed.eventLoop.execute { self.attempt(routed, isProbe: true) }
    case .release(let entries):
      var commands: [ObjectIdentifier: [RoutedCommand]] = [:]
      for entry in entries {
        commands[ObjectIdentifier(entry.command.eventLoop), default: []].append(entry.command)
      }
      for commands in commands.values { release(commands, of: shard) }
    case .fail(let routed, let error):
      routed.complete(.error(error))
    case .wake(let time):
      entities.eventLoop(of: shard).scheduleTask(deadline: .uptimeNanoseconds(time)) {
        self.change(shard) { $0.woke(shard.index, now: $2, into: &$1) }
      }
    }
  }

  /// - Parameter commands: all of one event loop.
  private func release(_ commands: [RoutedCommand], of shard: ShardID) {
    commands[0].eventLoop.execute {
      for routed in commands { self.attempt(routed) }
      self.change(shard) {
        $0.released(commands.count, of: shard.index, now: $2, into: &$1)
      }
    }
  }
}
