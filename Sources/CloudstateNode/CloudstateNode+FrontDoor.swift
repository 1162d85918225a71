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
    let server: GRPCServer
    let ingress: Ingress
    let transcoder: HTTPTranscoder
    /// Where it listens: `HOST:PORT` or `unix:/path`.
    let publicAddress: String
  }

  func openFrontDoor(
    _ spec: ServiceSpec, bindings: HTTPBindings, methods: EntityMethods, runner: CommandRunner,
    streams: EventStreamsService, report: @escaping @Sendable (String) -> Void,
    group: any EventLoopGroup, _ teardown: Teardown
  ) async throws -> FrontDoor {
    let ingress = makeIngress(
      spec, methods: methods, runner: runner, streams: streams, report: report)
    let transcoder = HTTPTranscoder(bindings: bindings, ingress: ingress)
    let server = try await bind {
      try await GRPCServer.start(
        configuration: serverConfiguration, router: ingress, http: transcoder, group: group,
        logger: logger)
    }
    let grace = configuration.shutdownGrace
    teardown.add("public listener") { await server.shutdown(grace: grace) }
    return FrontDoor(
      server: server, ingress: ingress, transcoder: transcoder,
      publicAddress: Self.text(of: server.localAddress))
  }

  private func makeIngress(
    _ spec: ServiceSpec, methods: EntityMethods, runner: CommandRunner,
    streams: EventStreamsService, report: @escaping @Sendable (String) -> Void
  ) -> Ingress {
    var settings = IngressConfiguration()
    settings.capturesMetadata = configuration.entities.passesMetadata
    let reflection = ReflectionService(
      pool: spec.pool, services: spec.entities.map(\.serviceName))
    return Ingress(
      configuration: settings, routes: methods.routes, dispatcher: runner,
      mounts: [{ streams.handler(for: $0) }, { reflection.handler(for: $0) }],
      report: report)
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
