package import AccessControl
package import CloudstateModel
package import GRPCTransport

/// The public gRPC API of a node: the methods of the user function's services, and whatever else is mounted
/// (reflection, event streams). Shared by all connections.
///
/// As a router it serves calls from inside the process, which may do everything; those of clients come
/// through the ``AccessGate``.
package final class Ingress: GRPCServerRouter {
  /// Serves calls beside the entity methods, and checks what the caller may do; answers `nil` for paths it
  /// does not know.
  package typealias Mount =
    @Sendable (any GRPCServerCall, AccessRights) -> (any GRPCServerCallHandler)?

  private struct Entry {
    let route: IngressRoute
    /// What a caller must be allowed to send.
    let subject: Subject
  }

  let configuration: IngressConfiguration
  let dispatcher: any CommandDispatcher
  private let routes: [String: Entry]
  /// All commands of the service.
  private let everyCommand: SubjectPattern
  private let mounts: [Mount]
  /// Tells the user function and the log what went wrong.
  let report: @Sendable (String) -> Void

  /// - Parameter service: the topology's name of the service, by which access to its commands is given.
  package init(
    configuration: IngressConfiguration, service: ServiceName, routes: [IngressRoute],
    dispatcher: any CommandDispatcher, mounts: [Mount],
    report: @escaping @Sendable (String) -> Void
  ) {
    self.configuration = configuration
    self.dispatcher = dispatcher
    self.routes = Dictionary(
      routes.map { route in
        let subject = Subject.command(service: service, method: route.method)
        return (route.path, Entry(route: route, subject: subject))
      }
    ) { first, _ in first }
    everyCommand = .everyCommand(of: service)
    self.mounts = mounts
    self.report = report
  }

  package func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    handler(for: call, rights: .inside)
  }

  /// As ``handler(for:)``, for a caller who may do this. One who may not is answered, in the same way for
  /// what there is and for what there is not.
  package func handler(
    for call: any GRPCServerCall, rights: AccessRights
  ) -> (any GRPCServerCallHandler)? {
    if let entry = routes[call.path] {
      guard rights.allows(.send, entry.subject) else { return AccessRefusal.deny(call) }
      let route = entry.route
      call.rests(
        on: .send, SubjectPattern(entry.subject), isStream: route.target.isStream)
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
      if let handler = mount(call, rights) { return handler }
    }
    return mayKnowAll(rights) ? nil : AccessRefusal.deny(call)
  }

  /// Whether the caller may send to the method with this path; where there is none, whether he may know.
  func permits(_ path: String, _ rights: AccessRights) -> Bool {
    routes[path].map { rights.allows(.send, $0.subject) } ?? mayKnowAll(rights)
  }

  /// Whether the caller may send every command, and so may know what there is not.
  func mayKnowAll(_ rights: AccessRights) -> Bool { rights.allows(.send, all: everyCommand) }

  /// The method of the user function's services with this path, if there is one.
  func route(_ path: String) -> IngressRoute? { routes[path]?.route }

  /// Tells the user function of a reply that is not what the method declares (proxy behaviour, section 4.4).
  func check(_ payload: ReplyPayload, against route: IngressRoute) {
    guard payload.typeURL != route.outputTypeURL else { return }
    report(
      "Warning: \(route.serviceName).\(route.method): Expected reply type_url to be "
        + "[\(route.outputTypeURL)] but was [\(payload.typeURL)].")
  }
}
