import Ingress
package import Logging

/// One node: the sidecar of a user function.
///
/// It starts in dependency order: store, bus, user function, entities, public listener, membership. It is ready
/// when a plan has assigned every shard and its own are open. It stops in reverse (proxy behaviour, section
/// 17): it is not ready any more and, after a delay for load balancers, accepts nothing new; the listener
/// finishes what is in flight, entities finish what is queued, the node leaves the cluster, then bus and store
/// close.
package final class CloudstateNode: Sendable {
  let configuration: NodeConfiguration
  let logger: Logger
  let readiness = Readiness()

  package init(configuration: NodeConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Runs the node until `stopped` returns or something it cannot do without fails.
  ///
  /// - Throws: ``NodeError`` or the error of the part that failed, after everything was stopped.
  package func run(until stopped: @escaping @Sendable () async throws -> Void) async throws {
    try configuration.validate()
    for finding in exposure.findings { logger.log(level: finding.level, "\(finding.text)") }
    let teardown = Teardown()
    let result: Result<Void, any Error>
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await stopped()
          self.logger.notice(
            "asked to stop: calls that run may end within \(self.configuration.shutdownGrace)")
          self.readiness.end()
          // Everything goes on meanwhile.
          try await Task.sleep(for: self.configuration.drainDelay)
        }
        let access = try await self.loadAccess(teardown)
        group.addTask { try await self.serve(access?.authenticator, teardown) }
        if let access { group.addTask { try await self.followAccessFile(access) } }
        defer { group.cancelAll() }
        try await group.next()
      }
      result = .success(())
    } catch {
      result = .failure(error)
    }
    readiness.end()
    configuration.access?.stop()
    await teardown.run { name, error in
      logger.warning("stopping the \(name): \(error)")
    }
    try result.get()
    logger.notice("stopped; everything that was acknowledged is on the disk")
  }

  /// What of this node others can reach, and what protects it.
  private var exposure: Exposure {
    Exposure(
      listener: configuration.listen, management: configuration.management,
      busEndpoints: [configuration.busRequests, configuration.busPublications],
      hasBusKey: configuration.busKey != nil, hasTLS: configuration.listener.tls != nil,
      hasAccessRules: configuration.accessFile != nil)
  }
}
