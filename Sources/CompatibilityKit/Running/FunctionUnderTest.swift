import CloudstateProtocol
import CommandLineKit
package import GRPCTransport
package import Logging
package import NIOCore
import SwiftProtobuf

/// The user function whose library is tested: a connection to it, and what it said of itself.
package struct FunctionUnderTest: Sendable {
  /// What discovery answered.
  let spec: Cloudstate_EntitySpec
  /// The services in the descriptors that discovery answered.
  let declaredServices: Set<String>
  /// `nil` if the function is inside a proxy, where only that reaches it.
  private let client: GRPCAsyncClient?

  /// What the library says of itself, such as `cloudstate-swift-support 0.1.0`.
  package var library: String {
    let info = spec.serviceInfo
    return "\(info.supportLibraryName) \(info.supportLibraryVersion)"
  }

  /// Connects and asks until the function answers, as a proxy does when both start together.
  ///
  /// - Parameters:
  ///   - suite: what the kit says of itself: a proxy of that protocol.
  ///   - wait: how long to try.
  /// - Throws: ``ProgramError`` with status `unreachable`.
  package static func connect(
    _ address: GRPCAddress, suite: TestSuite = .models, wait: Duration, group: any EventLoopGroup,
    logger: Logger
  ) async throws -> FunctionUnderTest {
    let clock = ContinuousClock()
    let end = clock.now + wait
    while true {
      do {
        return try await discover(address, suite, within: wait, group: group, logger: logger)
      } catch let status as GRPCStatus {
        // A server that does not know the method will not learn it.
        guard status.code != .unimplemented, clock.now < end else {
          throw ProgramError(
            "the user function at \(address) does not answer discovery: \(status)",
            hint: "start it, or say where it listens: cs-tck HOST:PORT", status: .unreachable)
        }
        try await clock.sleep(for: .milliseconds(100))
      }
    }
  }

  /// Closes the connection.
  package func close() async { await client?.close() }

  /// The connection.
  ///
  /// - Throws: that there is none.
  func reached() throws(CaseFailure) -> GRPCAsyncClient {
    guard let client else {
      throw CaseFailure(
        step: "", expected: "a user function with an address", received: "one inside a proxy")
    }
    return client
  }

  private static func discover(
    _ address: GRPCAddress, _ suite: TestSuite, within limit: Duration, group: any EventLoopGroup,
    logger: Logger
  ) async throws -> FunctionUnderTest {
    let client = try await GRPCAsyncClient.connect(target: address, group: group, logger: logger)
    do {
      let response = try await client.unary(
        path: "/cloudstate.EntityDiscovery/discover", message: suite.proxyInfo.encoded,
        timeout: limit)
      return try FunctionUnderTest(spec: response.message, client: client)
    } catch {
      await client.close()
      throw error
    }
  }

  /// - Throws: ``ProgramError`` if the answer to discovery cannot be read.
  init(spec message: ByteBuffer, client: GRPCAsyncClient?) throws {
    do {
      spec = try Cloudstate_EntitySpec(decoding: message)
      let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: spec.proto).file
      declaredServices = Set(
        files.flatMap { file in
          file.service.map { file.package.isEmpty ? $0.name : "\(file.package).\($0.name)" }
        })
    } catch {
      throw ProgramError("the answer to discovery cannot be read: \(error)")
    }
    self.client = client
  }
}

extension TestSuite {
  /// What the kit says of itself: a proxy of this protocol that serves every type of entity.
  fileprivate var proxyInfo: Cloudstate_ProxyInfo {
    var info = Cloudstate_ProxyInfo()
    info.protocolMajorVersion = 0
    info.protocolMinorVersion = self == .models ? 2 : 1
    info.proxyName = "cloudstate-swift-tck"
    info.proxyVersion = programVersion
    info.supportedEntityTypes =
      self == .models ? supportedTypes : ["cloudstate.eventsourced.EventSourced"]
    return info
  }
}
