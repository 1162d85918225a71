import AccessControl
import Administration
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
    let server: GRPCServer
    let ingress: Ingress
    let transcoder: HTTPTranscoder
    /// Where it listens: `HOST:PORT` or `unix:/path`.
    let publicAddress: String
  }

  func openFrontDoor(
    _ spec: ServiceSpec, bindings: HTTPBindings, methods: EntityMethods, runner: CommandRunner,
    streams: EventStreamsService, data: DataService, access: Authenticator?,
    report: @escaping @Sendable (String) -> Void, settings: GRPCServerConfiguration,
    group: any EventLoopGroup, _ teardown: Teardown
  ) async throws -> FrontDoor {
    let health = HealthService(services: spec.entities.map(\.serviceName))
    let ingress = makeIngress(
      spec, methods: methods, runner: runner,
      mounts: mounts(
        spec, methods: methods, streams: streams, data: data, health: health, access: access),
      report: report)
    let gate = AccessGate(ingress: ingress, authenticator: access)
    let transcoder = HTTPTranscoder(
      bindings: bindings, configuration: transcoderConfiguration, gate: gate)
    let http = try httpChain(to: transcoder, calls: gate)
    let server = try await bind {
      try await GRPCServer.start(
        configuration: settings, router: gate, http: http, group: group,
        logger: logger)
    }
    let grace = configuration.shutdownGrace
    teardown.add("public listener") { await server.shutdown(grace: grace) }
    // The listener would wait for them.
    teardown.add("health watches") { health.stop() }
    readiness.observe { health.become(serving: $0 == .ready) }
    return FrontDoor(
      server: server, ingress: ingress, transcoder: transcoder,
      publicAddress: Self.text(of: server.localAddress))
  }

  /// What answers a request that is no gRPC. Each layer takes what is its own and leaves the rest to the one
  /// before it; a request meets the last one first.
  private func httpChain(
    to transcoder: HTTPTranscoder, calls: any GRPCServerRouter
  ) throws(NodeError) -> any HTTPServerRouter {
    var chain: any HTTPServerRouter = transcoder
    chain = GRPCWebRouter(
      calls: calls, maximumMessageBytes: configuration.maximumMessageBytes, next: chain)
    chain = NetworkProbe(next: chain)
    if let policy = try configuration.cors.policy() {
      chain = CORSRouter(policy: policy, next: chain)
    }
    return chain
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
    _ spec: ServiceSpec, methods: EntityMethods, streams: EventStreamsService, data: DataService,
    health: HealthService, access: Authenticator?
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
      { call, rights in data.handler(for: call, rights: rights) },
      { call, rights in
        health.handler(for: call) {
          // A service without methods that could be called is not for those who may call some.
          methods.isVisible($0, of: service, to: rights)
            || rights.allows(.send, all: .everyCommand(of: service))
        }
      },
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

  private var transcoderConfiguration: HTTPTranscoderConfiguration {
    var settings = configuration.http
    settings.maximumBodyBytes = configuration.maximumMessageBytes
    return settings
  }

  private static func text(of address: SocketAddress) -> String {
    if let path = address.pathname, !path.isEmpty { return "unix:\(path)" }
    let host = address.ipAddress ?? "127.0.0.1"
    return "\(host.contains(":") ? "[\(host)]" : host):\(address.port ?? 0)"
  }
}
