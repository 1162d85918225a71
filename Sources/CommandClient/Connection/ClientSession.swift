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
  }

  /// Opens a real connection, which retries quickly: a person waits.
  package static let connectOverNetwork: ServerLinks.Connect = { address, eventLoop in
    var configuration = GRPCClientConfiguration()
    configuration.connectTimeout = .seconds(3)
    configuration.backoff.maximum = .milliseconds(500)
    configuration.maximumMessageBytes = 64 * 1024 * 1024
    configuration.userAgent = "cloudstate-cli/\(programVersion)"
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
  /// - Throws: ``ProgramError`` with status `unreachable` when no server answers within the timeout.
  package func discover() async throws(ProgramError) -> Discovery {
    let deadline = NIODeadline.now() + timeout
    var last = GRPCStatus(.unavailable, "no server was asked")
    for index in addresses.indices {
      switch await reflect(serverIndex: index, deadline: deadline) {
      case .success(let reflected):
        do {
          let pool = try DescriptorPool(files: reflected.files)
          return Discovery(
            catalog: MethodCatalog(pool, services: reflected.services), pool: pool,
            serverIndex: index)
        } catch {
          throw ProgramError("\(addresses[index]) describes its services wrongly: \(error)")
        }
      case .failure(let status):
        last = status
        if status.code == .unimplemented {
          throw ProgramError(
            "\(addresses[index]) does not offer gRPC reflection",
            hint: "use the public port of a node, for example --server 127.0.0.1:9000",
            status: .notFound)
        }
      }
    }
    throw unreachable(last)
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
      hint: "is the service running? cs-up FILE starts it; --server names another address",
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

  private func unary(
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
