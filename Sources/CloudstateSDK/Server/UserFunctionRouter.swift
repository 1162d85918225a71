import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import SwiftProtobuf

/// The two services of a user function: `cloudstate.EntityDiscovery` and
/// `cloudstate.eventsourced.EventSourced` (protocol sections 2.1 and 3.1). A value: any thread.
struct UserFunctionRouter: GRPCServerRouter {
  private let entities: [String: HostedEntity]
  private let spec: Cloudstate_EntitySpec
  private let logger: Logger

  /// - Parameter spec: the answer to every `discover`.
  init(entities: [HostedEntity], spec: Cloudstate_EntitySpec, logger: Logger) {
    self.entities = Dictionary(entities.map { ($0.serviceName, $0) }) { first, _ in first }
    self.spec = spec
    self.logger = logger
  }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    switch call.path {
    case "/cloudstate.eventsourced.EventSourced/handle":
      EntityStreamHandler(
        call: call, conversation: EntityConversation(entities: entities), logger: logger)
    case "/cloudstate.EntityDiscovery/discover":
      UnaryCallHandler(call: call) { (proxy: Cloudstate_ProxyInfo) in discover(proxy) }
    case "/cloudstate.EntityDiscovery/reportError":
      UnaryCallHandler(call: call) { (report: Cloudstate_UserFunctionError) in
        logger.error("The sidecar reports: \(report.message)")
        return Google_Protobuf_Empty()
      }
    default:
      nil
    }
  }

  private func discover(_ proxy: Cloudstate_ProxyInfo) -> Cloudstate_EntitySpec {
    let name =
      proxy.proxyName.isEmpty ? "an unnamed proxy" : "\(proxy.proxyName) \(proxy.proxyVersion)"
    logger.info("discovered by \(name)")
    for concern in concerns(about: proxy) { logger.warning("\(name) may not work: \(concern)") }
    return spec
  }
}
