import CloudstateModel

// What goes wrong with the coordinator, and with those it hears of too late.
extension FaultInjector {
  func crashCoordinator() {
    cluster.coordinator.crash()
    later(50 * Span.millisecond...4 * Span.second) { [cluster] in cluster.coordinator.start() }
  }

  func pauseCoordinator() {
    let process = cluster.coordinator.process
    guard process.isAlive, !process.isPaused else { return }
    let life = process.life
    note("the coordinator stands still")
    process.pause()
    later(100 * Span.millisecond...4 * Span.second) {
      if process.life == life { process.resume() }
    }
  }

  /// Its disk is slow, and it may crash meanwhile.
  func slowCoordinator() {
    note("the coordinator's disk is slow")
    cluster.coordinator.sync = 50 * Span.millisecond...800 * Span.millisecond
    later(500 * Span.millisecond...3 * Span.second) { [self] in
      if world.random.chance(ppm: 500_000) { crashCoordinator() }
      cluster.coordinator.sync = SimCoordinator.usualSync
    }
  }

  /// The next primary that offers a replica as in-sync crashes, is replaced, and comes back with its last plan while
  /// the coordinator is away.
  func crashWhoOffers() {
    note("whoever offers a replica next will crash")
    cluster.onOffer = { [self] node in
      cluster.onOffer = nil
      later(Span.millisecond...30 * Span.millisecond) { [self] in
        node.crash()
        later(800 * Span.millisecond...2 * Span.second) { [self] in
          cluster.coordinator.crash()
          later(50 * Span.millisecond...500 * Span.millisecond) { node.start() }
          later(2 * Span.second...5 * Span.second) { [cluster] in cluster.coordinator.start() }
        }
      }
    }
  }
}
