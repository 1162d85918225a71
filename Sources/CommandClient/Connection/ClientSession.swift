import CloudstateProtocol
package import CommandLineKit
package import DynamicProtobuf
package import GRPCTransport
import Logging
package import NIOCore
import NIOPosix
import SwiftProtobuf

/// A program's access to a running service: event loops, the servers to try, and how long to wait.
/// Sendable; its members may be used from any task.
package struct ClientSession: Sendable {
  package let addresses: [GRPCAddress]
  package let group: any EventLoopGroup
  /// Whether connections are protected by TLS.
  private let usesTLS: Bool
  /// The longest wait for one answer.
  package let timeout: TimeAmount
  package let connect: ServerLinks.Connect

  /// - Parameters:
  ///   - group: lives as long as the session; the process-wide one by default.
  ///   - connect: opens connections; the real ones by default.
  package init(
    addresses: [GRPCAddress], timeout: Duration,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    connect: @escaping ServerLinks.Connect = ClientSession.connectOverNetwork
  ) {
    self.addresses = addresses
    self.group = group
    self.timeout = TimeAmount(timeout)
    self.connect = connect
    usesTLS = false
  }

  /// What a command line asks for.
  ///
  /// - Throws: ``ProgramError`` with status `usage` for options that cannot be used.
  package init(_ options: GlobalOptions) throws(ProgramError) {
    let servers = try options.servers()
    addresses = try serverAddresses(servers.addresses)
    group = MultiThreadedEventLoopGroup.singleton
    timeout = TimeAmount(try options.waitLimit())
    let security = try ConnectionSecurity(
      options.security, servers: servers, addresses: addresses, warn: options.console.warning)
    connect = Self.connectOverNetwork(security)
    usesTLS = servers.usesTLS
  }

  /// Opens real connections in plain text.
  package static let connectOverNetwork = connectOverNetwork(ConnectionSecurity())

  /// Opens real connections, which retry quickly: a person waits.
  private static func connectOverNetwork(
    _ security: ConnectionSecurity
  ) -> ServerLinks.Connect {
    { address, eventLoop in open(address, eventLoop, security) }
  }

  private static func open(
    _ address: GRPCAddress, _ eventLoop: any EventLoop, _ security: ConnectionSecurity
  ) -> any GRPCClientTransport {
    var configuration = GRPCClientConfiguration()
    configuration.connectTimeout = .seconds(3)
    configuration.backoff.maximum = .milliseconds(500)
    configuration.maximumMessageBytes = 64 * 1024 * 1024
    configuration.userAgent = "cloudstate-cli/\(programVersion)"
    security.apply(to: &configuration)
    return GRPCClientConnection(
      target: address, eventLoop: eventLoop, configuration: configuration,
      logger: Logger(label: "cloudstate.client") { _ in SwiftLogNoOpLogHandler() })
  }

  /// What a node serves, and where it was found.
  package struct Discovery: Sendable {
    package var catalog: MethodCatalog
    package var pool: DescriptorPool
    /// Index of the server that answered.
    package var serverIndex: Int
  }

  /// Asks the servers, one after the other, for their services.
  ///
  /// - Parameter persistent: asks again and again until the timeout; without it, each server is asked
  ///   once.
  /// - Throws: ``ProgramError`` with status `unreachable` when no server answers within the timeout.
  package func discover(persistent: Bool = false) async throws -> Discovery {
    let deadline = NIODeadline.now() + timeout
    while true {
      let failure: GRPCStatus
      switch try await discoverOnce(deadline: deadline) {
      case .success(let discovery): return discovery
      case .failure(let status): failure = status
      }
      guard persistent, NIODeadline.now() + Self.pauseBetweenRounds < deadline else {
        throw unreachable(failure)
      }
      try await Task.sleep(for: .nanoseconds(Self.pauseBetweenRounds.nanoseconds))
    }
  }

  private static let pauseBetweenRounds = TimeAmount.milliseconds(200)

  /// Asks each server once; answers why the last one could not be asked when none could.
  private func discoverOnce(
    deadline: NIODeadline
  ) async throws(ProgramError) -> Result<Discovery, GRPCStatus> {
    var last = GRPCStatus(.unavailable, "no server was asked")
    for index in addresses.indices {
      // A server that hangs leaves time for the others.
      let left = deadline - .now()
      let share = TimeAmount.nanoseconds(left.nanoseconds / Int64(addresses.count - index))
      switch await reflect(serverIndex: index, deadline: .now() + share) {
      case .success(let reflected):
        do {
          let pool = try DescriptorPool(files: reflected.files)
          return .success(
            Discovery(
              catalog: MethodCatalog(pool, services: reflected.services), pool: pool,
              serverIndex: index))
        } catch {
          throw ProgramError("\(addresses[index]) describes its services wrongly: \(error)")
        }
      case .failure(let status):
        last = status
        // Another node would say the same.
        if status.code == .unauthenticated || status.code == .permissionDenied {
          throw status.programError(hint: "--token TOKEN or CS_TOKEN says who you are")
        }
        guard status.code == .unimplemented else { continue }
        throw ProgramError(
          "\(addresses[index]) does not offer gRPC reflection",
          hint: "use the public port of a node, for example --server 127.0.0.1:9000",
          status: .notFound)
      }
    }
    return .failure(last)
  }

  /// The topology's name of the service behind the servers; `nil` when no server tells.
  package func serviceName() async -> String? {
    let deadline = NIODeadline.now() + timeout
    for index in addresses.indices {
      let outcome = await unary(
        serverIndex: index, path: "/cloudstate.streams.EventStreams/describe",
        message: ByteBuffer(), deadline: deadline)
      guard outcome.status.code == .ok, let message = outcome.message,
        let response = try? Cloudstate_Streams_DescribeResponse(decoding: message)
      else { continue }
      return response.service
    }
    return nil
  }

  /// The error that ends a program when no server could be asked.
  package func unreachable(_ status: GRPCStatus) -> ProgramError {
    let names = addresses.map(\.description).joined(separator: ", ")
    return ProgramError(
      "no answer from \(names): \(status.text)",
      hint: usesTLS
        ? "is the service running, and does it speak TLS at this name? --server names another"
        : "is the service running? cs-up FILE starts it; --server names another address",
      status: .unreachable)
  }

  private func reflect(
    serverIndex: Int, deadline: NIODeadline
  ) async -> Result<ReflectedServices, GRPCStatus> {
    let eventLoop = group.next()
    return await withCheckedContinuation { continuation in
      eventLoop.execute {
        let links = ServerLinks(
          addresses: addresses, startingWith: serverIndex, on: eventLoop, connect: connect)
        ReflectionCall.begin(on: links.currentTransport, deadline: deadline) { result in
          links.close()
          continuation.resume(returning: result)
        }
      }
    }
  }

  func unary(
    serverIndex: Int, path: String, message: ByteBuffer, deadline: NIODeadline
  ) async -> UnaryOutcome {
    let eventLoop = group.next()
    return await withCheckedContinuation { continuation in
      eventLoop.execute {
        let links = ServerLinks(
          addresses: addresses, startingWith: serverIndex, on: eventLoop, connect: connect)
        callUnary(
          on: links.currentTransport, path: path, metadata: GRPCMetadata(), message: message,
          deadline: deadline, waitForReady: false
        ) { outcome in
          links.close()
          continuation.resume(returning: outcome)
        }
      }
    }
  }
}
