import CloudstateModel
import ClusterControl
import EntityRuntime
import MessageBus
import NIOCore
import Synchronization

/// Brings each command to the node that runs its shard: here over to the shard's event loop, elsewhere over the
/// bus.
///
/// While the owner cannot be reached, or the shard is not assigned, a command that was not sent yet is held
/// and tried again: a node that restarts, or a plan that is on its way, is usually back before a client would
/// be. Time and number of held commands are bounded.
final class CommandRouter: Sendable {
  /// Commands that may be held at once; the next is refused at once.
  private static let maximumHeld = 10_000
  private static let retryInterval = TimeAmount.milliseconds(25)
  /// What is left of a caller's time for the answer that its command was not started.
  private static let answerTime = TimeAmount.milliseconds(250)

  private let cluster: ClusterReference
  private let runtime: EntityRuntime
  private let bus: any MessageBus
  private let methods: EntityMethods
  private let service: ServiceName
  private let shardCount: UInt32
  private let commandTimeout: TimeAmount
  private let ownerTimeout: TimeAmount
  private let held = Atomic<Int>(0)

  /// - Parameters:
  ///   - commandTimeout: how long a routed command may take when the caller sets no deadline.
  ///   - ownerTimeout: how long a command waits for an owner that cannot be reached.
  init(
    cluster: ClusterReference, runtime: EntityRuntime, bus: any MessageBus, methods: EntityMethods,
    service: ServiceName, shardCount: UInt32, commandTimeout: TimeAmount, ownerTimeout: TimeAmount
  ) {
    self.cluster = cluster
    self.runtime = runtime
    self.bus = bus
    self.methods = methods
    self.service = service
    self.shardCount = shardCount
    self.commandTimeout = commandTimeout
    self.ownerTimeout = ownerTimeout
  }

  /// Brings a command to its entity and answers what the entity's node made of it. `completion` is called
  /// exactly once, on `eventLoop`, from which the call must come too.
  func route(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    let shard = ShardID(
      service: service, index: command.entity.shardIndex(shardCount: shardCount))
    attempt(
      RoutedCommand(
        command: command, shard: shard, holdUntil: .now() + ownerTimeout, completion: completion),
      on: eventLoop)
  }

  /// A command and who waits for it.
  private struct RoutedCommand: Sendable {
    let command: EntityCommand
    let shard: ShardID
    let holdUntil: NIODeadline
    let completion: @Sendable (CommandAnswer) -> Void
  }

  private func attempt(_ routed: RoutedCommand, on eventLoop: any EventLoop) {
    guard let owner = cluster.handle?.snapshot.owner(of: routed.shard.index)?.primary else {
      hold(
        routed, on: eventLoop,
        orFail: CommandError(
          .shardUnavailable,
          "shard \(routed.shard) is not assigned to a node yet; retry when the cluster is complete")
      )
      return
    }
    guard owner == bus.nodeID else {
      send(routed, to: owner, on: eventLoop)
      return
    }
    runtime.submit(routed.command, shard: routed.shard) { answer in
      if eventLoop.inEventLoop {
        self.answered(answer, routed, on: eventLoop)
      } else {
        eventLoop.execute { self.answered(answer, routed, on: eventLoop) }
      }
    }
  }

  private func send(_ routed: RoutedCommand, to owner: NodeID, on eventLoop: any EventLoop) {
    let timeout = remainingTime(of: routed.command)
    bus.request(
      .command(service: service, method: routed.command.method),
      payload: RoutedCommandCodec.encode(routed.command, methods: methods, timeout: timeout),
      to: owner,
      timeout: timeout, on: eventLoop
    ) { result in
      self.answered(RoutedCommandCodec.answer(result, owner: owner), routed, on: eventLoop)
    }
  }

  private func answered(
    _ answer: CommandAnswer, _ routed: RoutedCommand, on eventLoop: any EventLoop
  ) {
    // This code alone says that the command was not started, so that trying again cannot run it twice.
    if case .error(let error) = answer.outcome, error.code == .shardUnavailable {
      hold(routed, on: eventLoop, orFail: error)
    } else {
      routed.completion(answer)
    }
  }

  private func hold(
    _ routed: RoutedCommand, on eventLoop: any EventLoop, orFail error: CommandError
  ) {
    let next = NIODeadline.now() + Self.retryInterval
    // While the caller still listens: it learns why, not just that its time is over.
    let limit = min(
      routed.holdUntil,
      routed.command.deadline.map { .uptimeNanoseconds($0) - Self.answerTime } ?? .distantFuture)
    guard next < limit else {
      routed.completion(.error(error))
      return
    }
    guard held.add(1, ordering: .relaxed).newValue <= Self.maximumHeld else {
      held.subtract(1, ordering: .relaxed)
      routed.completion(.error(error))
      return
    }
    eventLoop.scheduleTask(deadline: next) {
      self.held.subtract(1, ordering: .relaxed)
      self.attempt(routed, on: eventLoop)
    }
  }

  private func remainingTime(of command: EntityCommand) -> TimeAmount {
    guard let deadline = command.deadline else { return commandTimeout }
    let remaining = NIODeadline.uptimeNanoseconds(deadline) - NIODeadline.now()
    return max(.milliseconds(1), min(remaining, commandTimeout))
  }
}
