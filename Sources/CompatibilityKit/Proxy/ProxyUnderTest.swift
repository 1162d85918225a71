import CloudstateProtocol
import CommandLineKit
import GRPCTransport
import Logging
import NIOCore
import NIOPosix

/// The proxy under test: a client of it, and the interceptor between it and the user function.
struct ProxyUnderTest: Sendable {
  let client: GRPCAsyncClient
  /// Where it serves HTTP.
  var httpAddress: GRPCAddress
  let interceptor: Interceptor
  /// What the proxy said of itself.
  let info: Cloudstate_ProxyInfo
  private let discovery: RecordedConnection

  /// Listens as the user function, or for what the proxy tells of the one inside it; waits until the proxy
  /// has discovered it, and connects to the proxy.
  ///
  /// - Parameters:
  ///   - onListening: Called when the proxy can be started; may start it.
  /// - Throws: ``ProgramError``: `unreachable` if there is no proxy in time.
  static func connect(
    _ address: GRPCAddress, link: ProxyLink, wait: Duration, logger: Logger,
    onListening: () async throws -> Void
  ) async throws -> ProxyUnderTest {
    let interceptor = Interceptor(link, logger: logger)
    do {
      do {
        try await interceptor.start()
      } catch {
        throw ProgramError(
          "cannot listen on \(link.address): \(error)", hint: link.listenHint, status: .usage)
      }
      try await onListening()
      let clock = ContinuousClock()
      let end = clock.now + wait
      guard let discovery = await interceptor.discoveries.next(within: wait),
        case .message(let message) = await discovery.incoming.next(within: .seconds(3))
      else { throw link.silence(after: wait) }
      let info = try Cloudstate_ProxyInfo(decoding: message)
      while true {
        do {
          let client = try await GRPCAsyncClient.connect(
            target: address, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
          return ProxyUnderTest(
            client: client, httpAddress: address, interceptor: interceptor, info: info,
            discovery: discovery)
        } catch let status as GRPCStatus {
          guard clock.now < end else {
            throw ProgramError(
              "the proxy at \(address) cannot be reached: \(status)", status: .unreachable)
          }
          try await clock.sleep(for: .milliseconds(100))
        }
      }
    } catch {
      await interceptor.stop()
      throw error
    }
  }

  /// The user function as it answered the proxy, without a connection to it.
  ///
  /// - Throws: ``ProgramError`` if it did not, or not with what can be read.
  func functionInside() async throws -> FunctionUnderTest {
    let event = await discovery.outgoing.next(within: .seconds(3))
    guard case .message(let answer) = event else {
      throw ProgramError(
        "the function answered discovery with \(describe(event))", status: .unreachable)
    }
    return try FunctionUnderTest(spec: answer, client: nil)
  }

  /// Closes the connection, and stops listening.
  func close() async {
    await client.close()
    await interceptor.stop()
  }
}
