import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import SwiftProtobuf
import TCKProtocol
import TestSupport
import Testing

@testable import CloudstateSDK
@testable import CompatibilityKit

/// A proxy that answers every client call by the closure of a test, which may talk to the user function,
/// in fact to the interceptor before it.
typealias Puppet =
  @Sendable (_ path: String, _ request: ByteBuffer, _ function: GRPCAsyncClient)
  async throws -> any Message

/// What the kit says of a proxy, with the right user function behind it.
func results(
  ofProxy puppet: @escaping Puppet, http: ((GRPCAsyncClient) -> HTTPPuppet)? = nil,
  info: Cloudstate_ProxyInfo = Cloudstate_ProxyInfo(), only patterns: [String],
  limit: Duration = .seconds(3)
) async throws -> [String: CaseOutcome] {
  let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  let group = MultiThreadedEventLoopGroup.singleton
  let folder = try TemporaryDirectory()
  let listen = GRPCAddress.unixDomainSocket(path: "\(folder.path)/interceptor")
  return try await withModelFunction(Tampering()) { function in
    // The puppet meets the kit as a proxy does: it looks for its user function, then it serves.
    async let link = puppetLink(listen, info: info, group: group, logger: logger)
    let address = GRPCAddress.unixDomainSocket(path: "\(folder.path)/proxy")
    async let connecting = ProxyUnderTest.connect(
      address, link: .interceptor(listen, function: function.address), wait: .seconds(20),
      logger: logger
    ) {}
    let client = try await link
    let server = try await GRPCServer.start(
      configuration: GRPCServerConfiguration(address: address),
      router: PuppetRouter(puppet: puppet, function: client), group: group, logger: logger)
    var proxy = try await connecting
    var httpServer: (any Channel)?
    if let http {
      let socket = "\(folder.path)/http"
      httpServer = try await startHTTPServer(socket: socket, http(client))
      proxy.httpAddress = .unixDomainSocket(path: socket)
    }
    var run = KitRun(function: function.connection, proxy: proxy)
    run.answerLimit = limit
    let results = await run.run(try CaseSelection(patterns).choose(from: allCases)) { _ in }
    try await httpServer?.close()
    await proxy.close()
    await client.close()
    await server.shutdown(grace: .zero)
    return Dictionary(results.map { ($0.testCase.id, $0.outcome) }) { first, _ in first }
  }
}

/// Connects to the user function as soon as something listens there, and asks what it serves.
private func puppetLink(
  _ address: GRPCAddress, info: Cloudstate_ProxyInfo, group: any EventLoopGroup, logger: Logger
) async throws -> GRPCAsyncClient {
  var connected: GRPCAsyncClient?
  try await eventually("the interceptor listens") {
    connected = try? await GRPCAsyncClient.connect(target: address, group: group, logger: logger)
    return connected != nil
  }
  let client = try #require(connected)
  _ = try await client.unary(
    path: "/cloudstate.EntityDiscovery/discover", message: info.encoded, timeout: .seconds(10))
  return client
}

private struct PuppetRouter: GRPCServerRouter {
  let puppet: Puppet
  let function: GRPCAsyncClient

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    PuppetHandler(call, puppet, function)
  }
}

/// Waits for the one request of a unary call.
private final class PuppetHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private let puppet: Puppet
  private let function: GRPCAsyncClient

  init(_ call: any GRPCServerCall, _ puppet: @escaping Puppet, _ function: GRPCAsyncClient) {
    self.call = call
    self.puppet = puppet
    self.function = function
  }

  func receive(_ message: ByteBuffer) {
    let answer = NIOLoopBound(call, eventLoop: call.eventLoop)
    let (path, eventLoop, puppet, function) = (call.path, call.eventLoop, puppet, function)
    Task {
      do {
        let reply = try await puppet(path, message, function).encoded
        eventLoop.execute {
          answer.value.send(reply)
          answer.value.finish(.ok)
        }
      } catch {
        let status = error as? GRPCStatus ?? GRPCStatus(.unknown, "\(error)")
        eventLoop.execute { answer.value.finish(status) }
      }
    }
  }

  func receiveEnd() {}
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) {}
}
