import CloudstateModel
package import GRPCTransport

/// The public gRPC API of a node: the methods of the user function's services, and whatever else is mounted
/// (reflection, event streams). Shared by all connections.
package final class Ingress: GRPCServerRouter {
  /// Serves calls beside the entity methods; answers `nil` for paths it does not know.
  package typealias Mount = @Sendable (any GRPCServerCall) -> (any GRPCServerCallHandler)?

  let configuration: IngressConfiguration
  let dispatcher: any CommandDispatcher
  private let routes: [String: IngressRoute]
  private let mounts: [Mount]
  /// Tells the user function and the log what went wrong.
  let report: @Sendable (String) -> Void

  package init(
    configuration: IngressConfiguration, routes: [IngressRoute],
    dispatcher: any CommandDispatcher, mounts: [Mount],
    report: @escaping @Sendable (String) -> Void
  ) {
    self.configuration = configuration
    self.dispatcher = dispatcher
    self.routes = Dictionary(routes.map { ($0.path, $0) }) { first, _ in first }
    self.mounts = mounts
    self.report = report
  }

  package func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    if let route = routes[call.path] {
      switch route.target {
      case .entity(let persistenceID, let entityID):
        return EntityCallHandler(
          call: call, route: route, persistenceID: persistenceID, entityID: entityID,
          ingress: self)
      case .entityStream:
        return ActionCallHandler(
          call: call, route: route, shape: .streamedOut, ingress: self)
      case .action(let shape):
        return ActionCallHandler(call: call, route: route, shape: shape, ingress: self)
      }
    }
    for mount in mounts {
      if let handler = mount(call) { return handler }
    }
    return nil
  }

  /// The method of the user function's services with this path, if there is one.
  func route(_ path: String) -> IngressRoute? { routes[path] }

  /// Tells the user function of a reply that is not what the method declares (proxy behaviour, section 4.4).
  func check(_ payload: ReplyPayload, against route: IngressRoute) {
    guard payload.typeURL != route.outputTypeURL else { return }
    report(
      "Warning: \(route.serviceName).\(route.method): Expected reply type_url to be "
        + "[\(route.outputTypeURL)] but was [\(payload.typeURL)].")
  }
}
