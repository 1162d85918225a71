import CloudstateProtocol
package import GRPCTransport
import Glibc
package import Logging
import NIOCore
import NIOPosix

/// A user function: hosts entities and actions for a Cloudstate sidecar, which connects to it, asks
/// what it hosts, and then opens one stream for each active instance and one for each call of an
/// action.
///
/// ```swift
/// await CloudstateServer(
///   descriptors: descriptorSet, entities: [Counter.self, Profiles.self], actions: [Greeter()]
/// ).runMain()
/// ```
public struct CloudstateServer: Sendable {
  private let descriptors: [UInt8]
  private let services: [HostedService]
  /// What is wrong with the entities before anything is compared.
  private let mistakes: [String]
  private let configuration: Configuration?
  private let logger = Logger(label: "cloudstate-sdk")

  /// Describes a server; nothing starts before ``run()``.
  ///
  /// - Parameters:
  ///   - descriptors: a serialized `google.protobuf.FileDescriptorSet` with the services of all
  ///     entities and actions and everything they import, as `protoc --include_imports --descriptor_set_out`
  ///     writes it.
  ///   - entities: the kinds of entities to host, one for each service.
  ///   - actions: the actions to host, one for each service.
  ///   - configuration: `nil` takes ``Configuration/fromEnvironment()``.
  public init(
    descriptors: [UInt8], entities: [any CloudstateEntity.Type] = [],
    actions: [any Action] = [], configuration: Configuration? = nil
  ) {
    self.descriptors = descriptors
    var services: [HostedService] = []
    var mistakes: [String] = []
    for entity in entities {
      if let service = HostedService(entity: entity) {
        services.append(service)
      } else {
        mistakes.append(
          "\(entity) is no EventSourcedEntity, no ValueEntity and no ReplicatedEntity.")
      }
    }
    self.services = services + actions.map { HostedService($0) }
    self.mistakes = mistakes
    self.configuration = configuration
  }

  /// Serves until the process gets SIGTERM or SIGINT, or the task is cancelled; then takes no new
  /// streams, lets those that are open end within ``Configuration/drainTimeout``, and returns. A
  /// second signal ends the process at once.
  ///
  /// - Throws: ``ConfigurationError`` if entities or actions do not agree with the descriptors, or the
  ///   address cannot be listened on.
  public func run() async throws(ConfigurationError) {
    let configuration =
      if let configuration { configuration } else { try Configuration.fromEnvironment() }
    let signals = try StopSignals()
    defer { signals.restore() }
    try await serve(configuration) { _ in
      if let signal = await signals.first() { logger.info("stopping after signal \(signal)") }
      signals.restore()
    }
  }

  /// ``run()`` for a program that does nothing else: if the server cannot start, logs why and ends the
  /// process with code 1.
  public func runMain() async {
    do {
      try await run()
    } catch {
      for problem in error.problems { logger.critical("\(problem)") }
      exit(1)
    }
  }

  /// Serves while `body` runs, then drains. The body gets the address with the port that the system
  /// chose.
  ///
  /// - Throws: as ``run()``; nothing was started then.
  package func serve(
    _ configuration: Configuration, while body: (GRPCAddress) async -> Void
  ) async throws(ConfigurationError) {
    try check(configuration)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoops)
    let server: GRPCServer
    do {
      server = try await GRPCServer.start(
        configuration: GRPCServerConfiguration(address: configuration.address.transportAddress),
        router: router(
          serviceName: configuration.serviceName, serviceVersion: configuration.serviceVersion,
          logger: logger), group: group, logger: logger)
    } catch {
      await stop(group)
      throw ConfigurationError(problems: [
        "The server cannot listen on \(configuration.address): \(error)"
      ])
    }
    let address = configuration.address.transportAddress(port: server.localAddress.port)
    let names = services.map(\.serviceName).joined(separator: ", ")
    logger.info("serving \(names) on \(address)")
    await body(address)
    await server.shutdown(grace: configuration.drainTimeout)
    await stop(group)
  }

  /// The services alone, for a node in the same process that calls them without a connection.
  ///
  /// - Throws: ``ConfigurationError`` if entities or actions do not agree with the descriptors.
  package func services(
    named serviceName: String, logger: Logger
  ) throws(ConfigurationError) -> any GRPCServerRouter {
    let problems = try problems()
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    return router(serviceName: serviceName, serviceVersion: "", logger: logger)
  }

  private func problems() throws(ConfigurationError) -> [String] {
    try mistakes + ServiceCheck(descriptors: descriptors).problems(of: services)
  }

  private func check(_ configuration: Configuration) throws(ConfigurationError) {
    var problems = try problems()
    if configuration.eventLoops < 1 { problems.append("eventLoops must be at least 1.") }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
  }

  private func router(
    serviceName: String, serviceVersion: String, logger: Logger
  ) -> UserFunctionRouter {
    UserFunctionRouter(
      services: services,
      spec: entitySpec(
        descriptors: descriptors, services: services, serviceName: serviceName,
        serviceVersion: serviceVersion),
      logger: logger)
  }

  private func stop(_ group: MultiThreadedEventLoopGroup) async {
    do {
      try await group.shutdownGracefully()
    } catch {
      logger.warning("an event loop did not stop: \(error)")
    }
  }
}

extension CloudstateServer.Configuration.Address {
  /// The address in the words of the transport.
  var transportAddress: GRPCAddress { transportAddress(port: nil) }

  /// The same with another port, where there is one.
  func transportAddress(port chosen: Int?) -> GRPCAddress {
    switch self {
    case .tcp(let host, let port): .tcp(host: host, port: chosen ?? port)
    case .unix(let path): .unixDomainSocket(path: path)
    }
  }
}
