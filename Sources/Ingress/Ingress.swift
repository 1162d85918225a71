import CloudstateModel
package import GRPCTransport
package import Logging

/// The public gRPC API of a node: the methods of the user function's services, and whatever else is mounted
/// (reflection, event streams). Shared by all connections.
package final class Ingress: GRPCServerRouter {
  /// Serves calls beside the entity methods; answers `nil` for paths it does not know.
  package typealias Mount = @Sendable (any GRPCServerCall) -> (any GRPCServerCallHandler)?

  let configuration: IngressConfiguration
  let dispatcher: any CommandDispatcher
  private let routes: [String: IngressRoute]
  private let mounts: [Mount]
  private let reportToFunction: @Sendable (String) -> Void
  private let logger: Logger

  /// - Parameter reportToFunction: sends `reportError` to the user function, best effort.
  package init(
    configuration: IngressConfiguration, routes: [IngressRoute],
    dispatcher: any CommandDispatcher, mounts: [Mount],
    reportToFunction: @escaping @Sendable (String) -> Void, logger: Logger
  ) {
    self.configuration = configuration
    self.dispatcher = dispatcher
    self.routes = Dictionary(routes.map { ($0.path, $0) }) { first, _ in first }
    self.mounts = mounts
    self.reportToFunction = reportToFunction
    self.logger = logger
  }

  package func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    if let route = routes[call.path] {
      return EntityCallHandler(call: call, route: route, ingress: self)
    }
    for mount in mounts {
      if let handler = mount(call) { return handler }
    }
    return nil
  }

  func report(_ text: String) {
    logger.warning("\(text)")
    reportToFunction(text)
  }
}
