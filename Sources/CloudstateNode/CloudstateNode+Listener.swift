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

  /// Lets this process open as many files as the connections may need, as far as the system allows it;
  /// connections beyond that cannot be answered.
  func allowDescriptors() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return }
    let wanted = rlim_t(configuration.listener.maximumConnections + Self.ownDescriptors)
    guard limit.rlim_cur < wanted else { return }
    limit.rlim_cur = min(wanted, limit.rlim_max)
    guard setrlimit(resource, &limit) != 0 || limit.rlim_cur < wanted else { return }
    logger.warning(
      "max-connections is \(configuration.listener.maximumConnections), but this process may open only \(limit.rlim_cur) files: allow \(wanted) (ulimit -Hn), or set fewer connections"
    )
  }

  /// What the database, the bus and the log need, roughly.
  private static let ownDescriptors = 1024
}
