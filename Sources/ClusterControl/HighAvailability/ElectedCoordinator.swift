package import EtcdClient
package import Logging
package import MessageBus
import Synchronization

/// One of several coordinators that share an etcd: stands for election, and coordinates while it leads.
///
/// While it does not lead it tells nodes so, and who does. A term ends with the lease, by the fence, or when the
/// record cannot be used; then the coordinator falls silent and stands again, with nothing in memory from before: the
/// next term begins with what etcd holds.
package final class ElectedCoordinator: Sendable {
  private let bus: any MessageBus
  private let configuration: CoordinatorConfiguration
  private let keys: EtcdKeys
  private let logger: Logger
  private let elector: LeaderElector
  private let storeClient: EtcdClient
  private let standby: StandbyResponder
  private let desk: AdminDesk
  private let makeStore: (@Sendable (LeadershipTerm) -> any CoordinatorStore)?
  private let start = Mutex(Start())
  private let events: AsyncStream<Event>
  private let continuation: AsyncStream<Event>.Continuation

  private enum Event: Sendable {
    case election(LeaderElector.Event)
    case failed(ClusterError, LeadershipTerm)
    case stop
  }

  /// What ``stop()`` has to know of a coordinator that is just starting.
  private struct Start {
    var isStopping = false
    /// The term for which one starts.
    var term: LeadershipTerm?
  }

  /// Begins to stand for election; ``run()`` does the rest.
  ///
  /// - Parameters:
  ///   - bus: must have the node name ``CloudstateModel/NodeID/coordinator``, and must outlive the coordinator.
  ///   - prefix: of this cluster's keys in etcd.
  ///   - card: what nodes and other coordinators learn of this one when it leads.
  ///   - desk: learns who answers operators.
  ///   - makeStore: the store of a term, for tests; the record is in etcd without it.
  package init(
    bus: any MessageBus, etcd: EtcdConfiguration, prefix: String, card: LeaderCard,
    desk: AdminDesk = AdminDesk(), election: ElectionConfiguration,
    configuration: CoordinatorConfiguration,
    makeStore: (@Sendable (LeadershipTerm) -> any CoordinatorStore)? = nil, logger: Logger
  ) throws(ClusterError) {
    try configuration.validate()
    try election.validate()
    self.bus = bus
    self.configuration = configuration
    self.logger = logger
    self.desk = desk
    self.makeStore = makeStore
    keys = EtcdKeys(prefix: prefix)
    standby = StandbyResponder(bus: bus)
    // Each can be filled and drained at its own time: many events cannot pile up, since terms come in turns.
    (events, continuation) = AsyncStream.makeStream()
    storeClient = EtcdClient(configuration: etcd, logger: logger)
    var forElection = etcd
    // Several members can be asked before a renewal is late.
    forElection.attemptTimeout = min(
      etcd.attemptTimeout, (election.leaseTime / 4).timeAmount)
    elector = LeaderElector(
      client: EtcdClient(configuration: forElection, logger: logger), keys: keys, card: card,
      timeToLive: election.leaseTime, logger: logger
    ) { [continuation] in continuation.yield(.election($0)) }
  }

  /// Stands and leads until ``stop()``. Called once.
  ///
  /// - Throws: ``ClusterError`` of a record that cannot be used by any leader, such as a damaged one.
  package func run() async throws {
    var leading: (term: LeadershipTerm, coordinator: Coordinator)?
    var failure: (any Error)?
    loop: for await event in events {
      switch event {
      case .election(.follow(let card)): follow(card)
      case .election(.lead(let term)):
        // Whoever asks before this one has begun is not sent to the last leader.
        follow(nil)
        do {
          let coordinator = try await lead(term)
          leading = (term, coordinator)
          desk.lead(coordinator)
        } catch let error as ClusterError where error.code == .leadershipLost {
          elector.refuted(term, reason: error.message)
        } catch {
          term.end()
          failure = error as? ClusterError ?? ClusterError(.storeFailed, "\(error)")
          break loop
        }
      case .election(.yield(let reason)):
        logger.notice("does not lead any more: \(reason)")
        desk.yield(reason)
        let last = leading
        leading = nil
        do {
          try await last?.coordinator.stop()
        } catch {
          failure = error
          break loop
        }
        elector.yielded()
      case .failed(let error, let term):
        guard error.code == .leadershipLost else {
          failure = error
          break loop
        }
        elector.refuted(term, reason: error.message)
      case .stop: break loop
      }
    }
    leading?.term.end()
    desk.yield()
    // Each, whatever has become of the others; the first failure is told.
    do { try await leading?.coordinator.stop() } catch { failure = failure ?? error }
    standby.cancel()
    do { try await elector.stop() } catch { failure = failure ?? error }
    do { try await storeClient.shutDown() } catch { failure = failure ?? error }
    if let failure { throw failure }
  }

  /// Makes ``run()`` return after the lease has been given up. From any thread, also before ``run()``.
  ///
  /// A coordinator that is just starting waits for etcd as long as its term lasts; so that is over at once. One that
  /// leads finishes what it is writing.
  package func stop() {
    start.withLock { start in
      start.isStopping = true
      start.term?.end()
    }
    continuation.yield(.stop)
  }

  private func follow(_ card: LeaderCard?) {
    standby.follow(card)
    desk.follow(card)
    guard let card else { return }
    logger.notice("stands by: \(card.name) at \(card.endpoint) leads")
  }

  private func lead(_ term: LeadershipTerm) async throws -> Coordinator {
    let isStopping = start.withLock { start in
      start.term = term
      return start.isStopping
    }
    defer { start.withLock { $0.term = nil } }
    guard !isStopping else {
      throw ClusterError(.leadershipLost, "this coordinator is stopping")
    }
    logger.notice("elected: leads from revision \(term.fence) of etcd")
    let store: any CoordinatorStore =
      makeStore?(term)
      ?? EtcdCoordinatorStore(client: storeClient, keys: keys, term: term, logger: logger)
    return try await Coordinator.start(
      bus: bus, store: store, configuration: configuration, logger: logger
    ) { [continuation] in continuation.yield(.failed($0, term)) }
  }
}

/// Settings of the election of coordinators.
package struct ElectionConfiguration: Hashable, Sendable {
  /// After this time without a renewal etcd lets another candidate lead. Default 5 s. Shorter replaces a leader that
  /// died sooner, but takes a busy machine or a slow etcd for a dead one; the plan is safe either way.
  package var leaseTime: Duration

  package init(leaseTime: Duration = .seconds(5)) { self.leaseTime = leaseTime }

  /// Checks the range.
  ///
  /// - Throws: ``ClusterError`` with `.invalidConfiguration`.
  package func validate() throws(ClusterError) {
    // etcd counts in seconds, and grants no less than one and a half of its own election timeouts.
    try require(
      leaseTime >= .seconds(2) && leaseTime <= .seconds(60),
      "the lease of the leading coordinator must be 2 s to 60 s, not \(leaseTime)")
  }
}
