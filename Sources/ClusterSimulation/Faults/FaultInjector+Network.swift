import ClusterControl
import ShardReplication

// What goes wrong between processes.
extension FaultInjector {
  typealias Pair = (from: SimProcess, to: SimProcess)

  private var processes: [SimProcess] {
    cluster.nodes.map(\.process) + cluster.coordinators.map(\.process)
  }

  func disturbNetwork(_ kind: FaultKind) {
    guard let node = world.random.pick(cluster.nodes)?.process,
      let peer = world.random.pick(processes.filter { $0 !== node })
    else { return }
    switch kind {
    case .isolateNode:
      cut(links(of: node, with: processes))
    case .isolateByAndBy: isolateByAndBy(node)
    case .cutFromCoordinator: cut(links(of: node, with: coordinatorsToCut()))
    case .cutPair: cut([(node, peer), (peer, node)])
    case .cutOneWay: cut([world.random.chance(ppm: 500_000) ? (node, peer) : (peer, node)])
    case .slowLink:
      let delay = world.random.span(Span.millisecond...200 * Span.millisecond)
      disturb([(node, peer), (peer, node)], "slow") { $0.delay = delay }
    default:
      let loss = world.random.int(20_000...300_000)
      disturb([(node, peer), (peer, node)], "lossy") { $0.lossPPM = loss }
    }
  }

  /// The coordinator loses sight of a node that the others still see, and loses them about when the coordinator
  /// makes up its mind: the moment at which nothing but its lease tells a primary that it is none any more.
  private func isolateByAndBy(_ node: SimProcess) {
    cut(
      links(of: node, with: cluster.coordinators.map(\.process)),
      for: 3 * Span.second...6 * Span.second)
    let patience = cluster.settings.coordinator.livenessTimeout.asNanoseconds
    later(patience / 2...patience * 5 / 4) { [self] in
      cut(
        links(of: node, with: cluster.nodes.map(\.process)), for: Span.second...3 * Span.second)
    }
  }

  /// All coordinators, or, where there are several, only those that lead.
  private func coordinatorsToCut() -> [SimProcess] {
    guard cluster.etcd != nil, world.random.chance(ppm: 500_000) else {
      return cluster.coordinators.map(\.process)
    }
    return cluster.leaders.map(\.process)
  }

  /// Both directions between a process and each of the others.
  private func links(of process: SimProcess, with others: [SimProcess]) -> [Pair] {
    others.filter { $0 !== process }.flatMap { [(process, $0), ($0, process)] }
  }

  func cut(
    _ pairs: [Pair], for span: ClosedRange<UInt64> = 100 * Span.millisecond...6 * Span.second
  ) {
    for pair in pairs {
      note("\(pair.from.name) -> \(pair.to.name) is cut")
      cluster.network.cut(pair.from, pair.to)
    }
    mend(pairs, after: span)
  }

  func disturb(_ pairs: [Pair], _ word: String, _ body: (inout SimNetwork.Link) -> Void) {
    for pair in pairs {
      note("\(pair.from.name) -> \(pair.to.name) is \(word)")
      cluster.network.change(pair.from, pair.to, body)
    }
    mend(pairs)
  }

  private func mend(
    _ pairs: [Pair], after span: ClosedRange<UInt64> = 100 * Span.millisecond...6 * Span.second
  ) {
    later(span) { [self] in
      for pair in pairs {
        cluster.network.change(pair.from, pair.to) {
          $0 = SimNetwork.Link(lastArrival: $0.lastArrival)
        }
      }
    }
  }
}
