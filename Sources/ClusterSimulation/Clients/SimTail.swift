import CloudstateModel
import ClusterControl
import ShardStore

/// A reader of one shard's stream: asks a node, which asks the shard's owner as its own view has it, and goes on
/// behind what it has seen.
final class SimTail {
  private unowned let cluster: SimCluster
  let shard: ShardID
  private(set) var checker: StreamChecker
  private var isBusy = false

  init(of shard: ShardID, number: Int, in cluster: SimCluster) {
    self.shard = shard
    self.cluster = cluster
    checker = StreamChecker(name: "reader \(number) of \(shard)")
  }

  func start() {
    let world = cluster.world
    world.after(world.random.span(5 * Span.millisecond...120 * Span.millisecond)) { [self] in
      read()
      start()
    }
  }

  private func read() {
    let world = cluster.world
    guard !isBusy, let node = world.random.pick(cluster.nodes), let run = node.run else { return }
    isBusy = true
    let life = node.process.life
    // Whoever dies leaves the question open.
    world.after(3 * Span.second) { [self] in isBusy = false }
    node.process.run { [self] in
      guard node.process.life == life,
        let owner = run.membership.snapshot.owner(of: shard.index)?.primary
      else { return isBusy = false }
      let after = checker.position
      guard owner != node.id else { return take(Self.page(run, shard, after), after: after) }
      guard let peer = cluster.node(owner) else { return }
      cluster.network.request(
        "stream \(shard.index) behind \(after)", from: node.process, to: peer.process,
        timeout: 2 * Span.second
      ) { [shard] answer in
        guard let other = peer.run else { return answer(.failure(.refused)) }
        answer(.success(Self.page(other, shard, after)))
      } completion: { [self] (result: Result<[StreamBatch]?, SimBusFailure>) in
        take((try? result.get()) ?? nil, after: after)
      }
    }
  }

  /// What a node that takes itself for the owner shows; `nil` if it refuses.
  private static func page(_ run: NodeRun, _ shard: ShardID, _ after: Position) -> [StreamBatch]? {
    guard run.membership.snapshot.owner(of: shard.index)?.primary == run.nodeID else { return nil }
    return try? run.store.stream(of: shard, after: after)
  }

  private func take(_ page: [StreamBatch]?, after: Position) {
    isBusy = false
    // An answer to an earlier question.
    guard let page, after == checker.position else { return }
    cluster.world.monitor.add(checker.read(page.map(BatchMark.init)))
  }
}
