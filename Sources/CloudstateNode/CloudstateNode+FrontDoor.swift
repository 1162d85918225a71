import AccessControl
import CloudstateModel
import DynamicProtobuf
import EntityRuntime
import Eventing
import GRPCTransport
import Ingress
import NIOCore

// The public listener, with everything that is served there.
extension CloudstateNode {
  /// What is behind the public listener.
  struct FrontDoor {
    let ingress: Ingress
    let transcoder: HTTPTranscoder
    /// Where it listens: `HOST:PORT` or `unix:/path`.
    let publicAddress: String
  }

  func openFrontDoor(
    _ spec: ServiceSpec, bindings: HTTPBindings, methods: EntityMethods, runner: CommandRunner,
    streams: EventStreamsService, access: Authenticator?,
    report: @escaping @Sendable (String) -> Void, group: any EventLoopGroup, _ teardown: Teardown
  ) async throws -> FrontDoor {
    let ingress = makeIngress(
      spec, methods: methods, runner: runner,
      mounts: mounts(spec, methods: methods, streams: streams, access: access), report: report)
    let gate = AccessGate(ingress: ingress, authenticator: access)
    let transcoder = HTTPTranscoder(bindings: bindings, gate: gate)
    let server = try await bind {
      try await GRPCServer.start(
        configuration: serverConfiguration, router: gate, http: transcoder, group: group,
        logger: logger)
    }
    let grace = configuration.shutdownGrace
    teardown.add("public listener") { await server.shutdown(grace: grace) }
    return FrontDoor(
      ingress: ingress, transcoder: transcoder, publicAddress: Self.text(of: server.localAddress))
  }

  private func makeIngress(
    _ spec: ServiceSpec, methods: EntityMethods, runner: CommandRunner,
    mounts: [Ingress.Mount], report: @escaping @Sendable (String) -> Void
  ) -> Ingress {
    var settings = IngressConfiguration()
    settings.capturesMetadata = configuration.entities.passesMetadata
    return Ingress(
      configuration: settings, service: configuration.service, routes: methods.routes,
      dispatcher: runner, mounts: mounts, report: report)
  }

  /// What is served beside the methods of the user function, each with its check of who may have it.
  private func mounts(
    _ spec: ServiceSpec, methods: EntityMethods, streams: EventStreamsService,
    access: Authenticator?
  ) -> [Ingress.Mount] {
    let service = configuration.service
    let reflection = ReflectionService(
      pool: spec.pool, services: spec.entities.map(\.serviceName))
    let administration = AccessService(authenticator: access)
    return [
      { call, rights in streams.handler(for: call, service: service, rights: rights) },
      { call, rights in
        reflection.handler(for: call) { methods.isVisible($0, of: service, to: rights) }
      },
      { call, rights in administration.handler(for: call, rights: rights) },
    ]
  }

  func httpBindings(
    _ spec: ServiceSpec, function: UserFunction
  ) async throws -> HTTPBindings {
    do throws(HTTPRuleError) {
      return try HTTPBindings(pool: spec.pool, services: spec.entities.map(\.serviceName))
    } catch {
      await function.reportLast(error.message)
      throw NodeError(.discovery, error.message)
    }
  }

  private var serverConfiguration: GRPCServerConfiguration {
    var settings = GRPCServerConfiguration(address: configuration.listen)
    settings.maximumMessageBytes = configuration.maximumMessageBytes
    return settings
  }

  private static func text(of address: SocketAddress) -> String {
    if let path = address.pathname, !path.isEmpty { return "unix:\(path)" }
    let host = address.ipAddress ?? "127.0.0.1"
    return "\(host.contains(":") ? "[\(host)]" : host):\(address.port ?? 0)"
  }
}
