import CloudstateModel

// What goes wrong with coordinators, and with those they hear of too late.
extension FaultInjector {
  /// One of them, more often than not one that leads.
  func pickCoordinator() -> SimCoordinator? {
    guard cluster.coordinators.count > 1 else { return cluster.coordinators.first }
    let leads = world.random.chance(ppm: 600_000)
    let leaders = cluster.leaders
    return world.random.pick(leads && !leaders.isEmpty ? leaders : cluster.coordinators)
  }

  func crashCoordinator() {
    guard let coordinator = pickCoordinator() else { return }
    coordinator.crash()
    later(50 * Span.millisecond...4 * Span.second) { coordinator.start() }
  }

  func pauseCoordinator() {
    guard let coordinator = pickCoordinator() else { return }
    let process = coordinator.process
    guard process.isAlive, !process.isPaused else { return }
    let life = process.life
    note("\(process.name) stands still")
    process.pause()
    later(100 * Span.millisecond...4 * Span.second) { [self] in
      guard process.life == life else { return }
      note("\(process.name) goes on")
      process.resume()
    }
  }

  /// What keeps the record is slow, and the coordinator may crash meanwhile.
  func slowCoordinator() {
    if let etcd = cluster.etcd { return slow(etcd) }
    guard let coordinator = cluster.coordinators.first else { return }
    note("the coordinator's disk is slow")
    coordinator.sync = 50 * Span.millisecond...800 * Span.millisecond
    later(500 * Span.millisecond...3 * Span.second) { [self] in
      if world.random.chance(ppm: 500_000) { crashCoordinator() }
      coordinator.sync = SimCoordinator.usualSync
    }
  }

  /// The next primary that is alone and offers a replica as in-sync does not hear of the plan that follows, crashes, is
  /// replaced, and comes back with its last plan while the coordinator is away.
  func crashWhoOffers() {
    note("whoever offers a replica next will crash")
    cluster.onOffer = { [self] node in
      cluster.onOffer = nil
      let coordinators = cluster.coordinators.map(\.process)
      cut(coordinators.map { ($0, node.process) }, for: 500 * Span.millisecond...Span.second)
      later(Span.millisecond...30 * Span.millisecond) { [self] in
        node.crash()
        later(800 * Span.millisecond...2 * Span.second) { [self] in
          let away = coordinatorsToCrash()
          away.forEach { $0.crash() }
          later(50 * Span.millisecond...500 * Span.millisecond) { node.start() }
          later(2 * Span.second...5 * Span.second) { away.forEach { $0.start() } }
        }
      }
    }
  }

  /// All of them, or, where there are several, only those that lead.
  private func coordinatorsToCrash() -> [SimCoordinator] {
    guard cluster.etcd != nil, world.random.chance(ppm: 500_000) else {
      return cluster.coordinators
    }
    return cluster.leaders
  }
}
