import ClusterControl
import CloudstateModel
import EntityRuntime
import Ingress
import MessageBus
import NIOCore

/// Brings each command to the node that runs its shard: here over to the shard's event loop, elsewhere over the
/// bus.
final class CommandRouter: CommandDispatcher {
  private let cluster: ClusterReference
  private let runtime: EntityRuntime
  private let bus: any MessageBus
  private let service: ServiceName
  private let shardCount: UInt32
  private let commandTimeout: TimeAmount

  /// - Parameter commandTimeout: how long a routed command may take when the caller sets no deadline.
  init(
    cluster: ClusterReference, runtime: EntityRuntime, bus: any MessageBus, service: ServiceName,
    shardCount: UInt32, commandTimeout: TimeAmount
  ) {
    self.cluster = cluster
    self.runtime = runtime
    self.bus = bus
    self.service = service
    self.shardCount = shardCount
    self.commandTimeout = commandTimeout
  }

  func dispatch(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    let shard = ShardID(
      service: service, index: command.entity.shardIndex(shardCount: shardCount))
    guard let owner = cluster.handle?.snapshot.owner(of: shard.index)?.primary else {
      completion(
        .error(
          CommandError(
            .shardUnavailable,
            "shard \(shard) is not assigned to a node yet; retry when the cluster is complete")))
      return
    }
    if owner == bus.nodeID {
      runtime.submit(command, shard: shard) { answer in
        if eventLoop.inEventLoop {
          completion(answer)
        } else {
          eventLoop.execute { completion(answer) }
        }
      }
    } else {
      send(command, to: owner, on: eventLoop, completion: completion)
    }
  }

  private func send(
    _ command: EntityCommand, to owner: NodeID, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    let timeout = remainingTime(of: command)
    bus.request(
      .command(service: service, method: command.method),
      payload: RoutedCommandCodec.encode(command, timeout: timeout), to: owner, timeout: timeout,
      on: eventLoop
    ) { result in
      completion(RoutedCommandCodec.answer(result, owner: owner))
    }
  }

  private func remainingTime(of command: EntityCommand) -> TimeAmount {
    guard let deadline = command.deadline else { return commandTimeout }
    let remaining = NIODeadline.uptimeNanoseconds(deadline) - NIODeadline.now()
    return max(.milliseconds(1), min(remaining, commandTimeout))
  }
}
