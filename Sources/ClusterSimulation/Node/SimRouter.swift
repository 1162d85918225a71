import CloudstateModel
import ClusterControl

/// Brings commands to the nodes of their shards, as the product's `CommandRouter` does: one that was certainly not
/// started is held and tried again.
final class SimRouter {
  private static let retryInterval = 25 * Span.millisecond
  private static let answerTime = 250 * Span.millisecond

  private struct Routed {
    let command: EntityCommand
    let shard: ShardID
    /// On this node's clock.
    let holdUntil: UInt64
    let deadline: UInt64
    let completion: (CommandAnswer) -> Void
  }

  private unowned let run: NodeRun
  private let process: SimProcess

  init(_ run: NodeRun) {
    self.run = run
    process = run.process
  }

  /// - Parameter timeout: how long the client waits.
  func route(
    _ command: EntityCommand, timeout: UInt64, completion: @escaping (CommandAnswer) -> Void
  ) {
    let settings = run.cluster.settings
    let shard = ShardID(
      service: settings.service,
      index: command.entity.shardIndex(shardCount: settings.shardCount))
    attempt(
      Routed(
        command: command, shard: shard, holdUntil: process.now + settings.ownerTimeout,
        deadline: process.now + timeout, completion: completion))
  }

  private func attempt(_ routed: Routed) {
    guard let owner = run.membership.snapshot.owner(of: routed.shard.index)?.primary else {
      return hold(routed, orFail: CommandError(.shardUnavailable, "it is not assigned yet"))
    }
    var command = routed.command
    command.deadline = routed.deadline
    guard owner != run.nodeID else {
      return run.host.submit(command, shard: routed.shard) { [self] in answered($0, routed) }
    }
    guard let peer = run.cluster.node(owner) else { return }
    let remaining = max(
      Span.millisecond, routed.deadline > process.now ? routed.deadline - process.now : 0)
    run.cluster.network.request(
      "\(command.method) \(command.text)", from: process, to: peer.process, timeout: remaining,
      isRepeatable: false
    ) { answer in
      guard let other = peer.run else { return answer(.failure(.refused)) }
      command.deadline = other.process.now + remaining
      other.host.submit(command, shard: routed.shard) { answer(.success($0)) }
    } completion: { [self] (result: Result<CommandAnswer, SimBusFailure>) in
      answered(Self.answer(result), routed)
    }
  }

  private static func answer(_ result: Result<CommandAnswer, SimBusFailure>) -> CommandAnswer {
    switch result {
    case .success(let answer): answer
    case .failure(.unreachable), .failure(.refused):
      .error(CommandError(.shardUnavailable, "the owner cannot be reached"))
    case .failure(.timeout):
      .error(CommandError(.outcomeUnknown, "the owner did not answer"))
    }
  }

  private func answered(_ answer: CommandAnswer, _ routed: Routed) {
    guard case .error(let error) = answer.outcome else { return routed.completion(answer) }
    let isHeld =
      error.code == .shardUnavailable
      || run.has(.retryUnknown) && error.code == .outcomeUnknown
    if isHeld { hold(routed, orFail: error) } else { routed.completion(answer) }
  }

  private func hold(_ routed: Routed, orFail error: CommandError) {
    let limit = min(routed.holdUntil, routed.deadline - min(routed.deadline, Self.answerTime))
    guard process.now + Self.retryInterval < limit else {
      return routed.completion(.error(error))
    }
    process.afterOwn(Self.retryInterval) { [self] in attempt(routed) }
  }
}

extension EntityCommand {
  /// The entity and what is added to it, for the trace.
  var text: String { "\(entity.entityID) \(String(decoding: payload, as: UTF8.self))" }
}
