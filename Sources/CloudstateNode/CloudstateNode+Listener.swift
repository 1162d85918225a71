import GRPCTransport
import Glibc
import Logging
import NIOCore

// How the public listener is set up.
extension CloudstateNode {
  /// The settings of the listener, with its certificates read. They are watched until the node stops.
  ///
  /// - Throws: ``NodeError`` for certificate files that cannot be used.
  func listenerSettings(
    group: any EventLoopGroup, _ teardown: Teardown
  ) throws(NodeError) -> GRPCServerConfiguration {
    var settings = GRPCServerConfiguration(address: configuration.listen)
    settings.maximumMessageBytes = configuration.maximumMessageBytes
    configuration.listener.apply(to: &settings)
    warnOfFewDescriptors()
    guard let tls = configuration.listener.tls else { return settings }
    do throws(TLSProblem) {
      let certificates = try ServerCertificates(tls, logger: logger)
      certificates.watchFiles(
        every: TimeAmount(configuration.listener.tlsReloadInterval), on: group.next())
      teardown.add("watch of certificates") { certificates.stopWatching() }
      settings.tls = certificates
    } catch {
      throw NodeError(.configuration, error.description)
    }
    return settings
  }

  /// Connections that the system does not allow cannot be answered.
  private func warnOfFewDescriptors() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    let wanted = configuration.listener.maximumConnections + Self.ownDescriptors
    guard limit.rlim_cur < wanted else { return }
    logger.warning(
      "max-connections is \(configuration.listener.maximumConnections), but this process may open only \(limit.rlim_cur) files: allow \(wanted) (ulimit -n), or set fewer connections"
    )
  }

  /// What the database, the bus and the log need, roughly.
  private static let ownDescriptors = 1024
}
