import ArgumentParser
import CommandClient
import CommandLineKit
import GRPCTransport
import NIOCore
import NIOPosix

/// Commands against a node that runs already and serves the shopping cart.
struct LoadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load", abstract: "Sends durable commands to a running shopping cart.")

  @OptionGroup var options: MeasureOptions
  @Option(name: .shortAndLong, help: "The node's public address, with https:// for TLS.")
  var server = "127.0.0.1:9000"
  @OptionGroup var security: ClientSecurityOptions
  @Option(help: "How many carts the commands go to.") var carts = 1000

  func run() async throws {
    let servers = try ServerList(server)
    let addresses = try serverAddresses(servers.addresses)
    var client = GRPCClientConfiguration()
    try ConnectionSecurity(
      security, servers: servers, addresses: addresses, warn: Console().warning
    ).apply(to: &client)
    let report = BenchReport(output: options.output)
    for inFlight in options.inFlight.values {
      report.add(
        try await Self.measure(
          .durableEvents, name: Workload.durableEvents.rowName(.ownProcess),
          target: addresses[0], client: client, inFlight: inFlight, seconds: options.seconds,
          carts: carts))
    }
  }

  static func measure(
    _ workload: Workload, name: String, target: GRPCAddress,
    client: GRPCClientConfiguration = GRPCClientConfiguration(), inFlight: Int, seconds: Double,
    carts: Int
  ) async throws -> LatencySummary {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let duration = TimeAmount.nanoseconds(Int64(seconds * 1e9))
    let message: @Sendable (Int) -> ByteBuffer = { workload.message($0, carts: carts) }
    if workload == .streamedEvents {
      return try await StreamLoad.run(
        name: name, target: target, client: client, path: workload.path, inFlight: inFlight,
        warmUp: .seconds(1), duration: duration, on: eventLoop, makeMessage: message)
    }
    return try await UnaryLoad.run(
      name: name, target: target, client: client, inFlight: inFlight, warmUp: .seconds(1),
      duration: duration, on: eventLoop
    ) { UnaryCall(path: workload.path, message: message($0)) }
  }
}
