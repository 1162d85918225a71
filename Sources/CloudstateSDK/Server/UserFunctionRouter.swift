import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import SwiftProtobuf

/// The services of a user function: `cloudstate.EntityDiscovery` and one for each kind of entity and
/// for actions (protocol sections 2.1, 3.1, 4.1, 5.1 and 6.1). A value: any thread.
struct UserFunctionRouter: GRPCServerRouter {
  private let services: [String: HostedService]
  private let spec: Cloudstate_EntitySpec
  private let logger: Logger

  /// - Parameter spec: the answer to every `discover`.
  init(services: [HostedService], spec: Cloudstate_EntitySpec, logger: Logger) {
    self.services = Dictionary(services.map { ($0.serviceName, $0) }) { first, _ in first }
    self.spec = spec
    self.logger = logger
  }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    switch call.path {
    case "/cloudstate.eventsourced.EventSourced/handle":
      EntityStreamHandler(
        call: call, conversation: EntityConversation(services: services), logger: logger)
    case "/cloudstate.valueentity.ValueEntity/handle":
      EntityStreamHandler(
        call: call, conversation: ValueConversation(services: services), logger: logger)
    case "/cloudstate.crdt.Crdt/handle":
      EntityStreamHandler(
        call: call, conversation: ReplicatedConversation(services: services), logger: logger)
    case "/cloudstate.action.ActionProtocol/handleUnary": action(call, .unary)
    case "/cloudstate.action.ActionProtocol/handleStreamedIn": action(call, .streamedIn)
    case "/cloudstate.action.ActionProtocol/handleStreamedOut": action(call, .streamedOut)
    case "/cloudstate.action.ActionProtocol/handleStreamed": action(call, .streamed)
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

  private func action(_ call: any GRPCServerCall, _ shape: MethodShape) -> ActionCallHandler {
    ActionCallHandler(
      call: call, conversation: ActionConversation(services: services, shape: shape),
      logger: logger)
  }

  private func discover(_ proxy: Cloudstate_ProxyInfo) -> Cloudstate_EntitySpec {
    let name =
      proxy.proxyName.isEmpty ? "an unnamed proxy" : "\(proxy.proxyName) \(proxy.proxyVersion)"
    logger.info("discovered by \(name)")
    let kinds = Set(services.values.map(\.kind.name))
    for concern in concerns(about: proxy, hosting: kinds) {
      logger.warning("\(name) may not work: \(concern)")
    }
    return spec
  }
}
