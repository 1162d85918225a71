// What goes wrong only where several coordinators share an etcd.
extension FaultInjector {
  func disturbElection(_ kind: FaultKind) {
    guard let etcd = cluster.etcd, let coordinator = pickCoordinator() else { return }
    let process = coordinator.process
    switch kind {
    case .resign:
      process.run { coordinator.candidate?.resign() }
      later(100 * Span.millisecond...2 * Span.second) { coordinator.start() }
    case .revokeLeader:
      note("the leader's lease is revoked")
      etcd.revokeLeader()
    case .breakWatches:
      note("all watches break")
      etcd.breakWatches()
    case .cutFromEtcd: cut([(process, etcd.process), (etcd.process, process)], for: outage)
    case .cutFromNodes:
      // A part of them, or all: it leads on, and hears or reaches too few.
      let isPart = world.random.chance(ppm: 500_000)
      let nodes = cluster.nodes.map(\.process).filter { _ in
        !isPart || world.random.chance(ppm: 500_000)
      }
      let isOneWay = world.random.chance(ppm: 300_000)
      cut(nodes.flatMap { isOneWay ? [($0, process)] : [(process, $0), ($0, process)] })
    default: etcdAway(etcd)
    }
  }

  /// Shorter than a lease, or longer than two.
  private var outage: ClosedRange<UInt64> {
    100 * Span.millisecond...3 * cluster.settings.electionLease
  }

  /// Nobody reaches etcd, while its leases run on; or it has no majority, and they do not.
  private func etcdAway(_ etcd: SimEtcd) {
    guard world.random.chance(ppm: 500_000) else {
      return cut(
        cluster.coordinators.map(\.process).flatMap { [($0, etcd.process), (etcd.process, $0)] },
        for: outage)
    }
    note("etcd has no majority")
    etcd.loseMajority()
    later(outage) { [self] in
      note("etcd has a majority again")
      etcd.regainMajority()
    }
  }

  /// Requests wait for etcd, some of them longer than their senders do, and some answers are lost.
  func slow(_ etcd: SimEtcd) {
    note("etcd is slow")
    etcd.latency =
      5 * Span.millisecond...world.random.span(50 * Span.millisecond...900 * Span.millisecond)
    disturb(cluster.coordinators.map { (etcd.process, $0.process) }, "lossy") {
      $0.lossPPM = 150_000
    }
    later(500 * Span.millisecond...4 * Span.second) { etcd.latency = SimEtcd.usualLatency }
  }
}
