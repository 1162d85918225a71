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

  /// Listens as the user function, waits until a proxy has discovered it, and connects to the proxy.
  ///
  /// - Parameters:
  ///   - listen: Where the proxy finds its user function.
  ///   - onListening: Called when the proxy can be started; may start it.
  /// - Throws: ``ProgramError``: `unreachable` if there is no proxy in time.
  static func connect(
    _ address: GRPCAddress, listen: GRPCAddress, function: GRPCAddress, wait: Duration,
    logger: Logger, onListening: () async throws -> Void
  ) async throws -> ProxyUnderTest {
    let interceptor = Interceptor(function: function, logger: logger)
    do {
      do {
        _ = try await interceptor.start(on: listen, logger: logger)
      } catch {
        throw ProgramError(
          "cannot listen on \(listen): \(error)", hint: "--listen HOST:PORT", status: .usage)
      }
      try await onListening()
      let clock = ContinuousClock()
      let end = clock.now + wait
      guard let discovery = await interceptor.discoveries.next(within: wait),
        case .message(let message) = await discovery.incoming.next(within: .seconds(3))
      else {
        throw ProgramError(
          "no proxy asked the user function at \(listen) for its services within \(wait)",
          hint: "start the proxy with \(listen) as its user function, or --wait longer",
          status: .unreachable)
      }
      let info = try Cloudstate_ProxyInfo(decoding: message)
      while true {
        do {
          let client = try await GRPCAsyncClient.connect(
            target: address, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
          return ProxyUnderTest(
            client: client, httpAddress: address, interceptor: interceptor, info: info)
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

  /// Closes the connection, and stops listening.
  func close() async {
    await client.close()
    await interceptor.stop()
  }
}
