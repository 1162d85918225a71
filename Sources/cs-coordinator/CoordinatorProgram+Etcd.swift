import ClusterControl
import CommandLineKit
import EtcdClient
import Logging
import MessageBus

extension CoordinatorProgram {
  /// Stands for election with others until a signal, or until no leader could use the record.
  ///
  /// - Parameter endings: an element ends it: a failure, or `nil` for a signal.
  func serve(
    _ configuration: CoordinatorConfiguration, _ adminAddress: AdminAddress?,
    on bus: ZeroMQMessageBus, etcd: EtcdConfiguration, endings: AsyncStream<ClusterError?>,
    logger: Logger
  ) async throws {
    let desk = AdminDesk()
    let admin = try await adminAddress?.serve(desk, logger: logger)
    do {
      try await stand(
        configuration, admin, desk, on: bus, etcd: etcd, endings: endings, logger: logger)
    } catch {
      // Why it ended is the news, not how the listener took it.
      try? await admin?.stop()
      throw error
    }
    try await admin?.stop()
  }

  private func stand(
    _ configuration: CoordinatorConfiguration, _ admin: AdminServer?, _ desk: AdminDesk,
    on bus: ZeroMQMessageBus, etcd: EtcdConfiguration, endings: AsyncStream<ClusterError?>,
    logger: Logger
  ) async throws {
    let coordinator = try ElectedCoordinator(
      bus: bus, etcd: etcd, prefix: etcdOptions.etcdPrefix,
      card: etcdOptions.card(
        bound: bus.requestEndpoint, admin: administration.adminAdvertise ?? admin?.address),
      desk: desk,
      election: ElectionConfiguration(leaseTime: etcdOptions.etcdLease),
      configuration: configuration, logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await coordinator.run() }
      group.addTask {
        for await _ in endings { break }
        logger.info("stopping")
        coordinator.stop()
      }
      try announce(bus, admin, logger: logger)
      // The first to end without a failure is either the signal, and then the run ends too, or the run.
      try await group.next()
      coordinator.stop()
      try await group.next()
    }
  }
}
