import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import SwiftProtobuf
import Synchronization

/// A user function that the kit plays itself: it announces what a case wants, and then says what the case
/// says, right or wrong.
final class ScriptedFunction: Sendable {
  /// Calls of entities and actions, in the order of their arrival.
  let calls = EventQueue<ScriptedCall>()
  /// What the proxy reported as errors.
  let reports = EventQueue<String>()
  /// Asked once for each discovery.
  let discoveries = EventQueue<Cloudstate_ProxyInfo>()
  /// Where it listens.
  let address: GRPCAddress

  private let server: GRPCServer

  private init(
    server: GRPCServer, address: GRPCAddress, router: ScriptedRouter
  ) {
    self.server = server
    self.address = address
    router.state.withLock { $0 = self }
  }

  /// Serves on a free port of the loopback address.
  ///
  /// - Parameter refusals: How many discoveries fail first.
  static func start(
    _ spec: Cloudstate_EntitySpec, refusals: Int = 0, port: Int = 0, logger: Logger
  ) async throws -> ScriptedFunction {
    let router = ScriptedRouter(spec: spec, refusals: refusals)
    let server = try await GRPCServer.start(
      configuration: GRPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: port)),
      router: router, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
    let address = GRPCAddress.tcp(host: "127.0.0.1", port: server.localAddress.port ?? 0)
    return ScriptedFunction(server: server, address: address, router: router)
  }

  func stop() async { await server.shutdown(grace: .zero) }
}

private final class ScriptedRouter: GRPCServerRouter {
  /// Set before the first call can come.
  let state = Mutex<ScriptedFunction?>(nil)
  private let spec: Cloudstate_EntitySpec
  private let refusals: Mutex<Int>

  init(spec: Cloudstate_EntitySpec, refusals: Int) {
    self.spec = spec
    self.refusals = Mutex(refusals)
  }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    guard let function = state.withLock({ $0 }) else { return nil }
    switch call.path {
    case "/cloudstate.EntityDiscovery/discover":
      let refused = refusals.withLock { left in
        left -= 1
        return left >= 0
      }
      return UnaryHandler { message in
        if refused { return call.finish(GRPCStatus(.unavailable, "not yet")) }
        if let info = try? Cloudstate_ProxyInfo(decoding: message) {
          function.discoveries.add(info)
        }
        call.send(self.spec.encoded)
        call.finish(.ok)
      }
    case "/cloudstate.EntityDiscovery/reportError":
      return UnaryHandler { message in
        if let error = try? Cloudstate_UserFunctionError(decoding: message) {
          function.reports.add(error.message)
        }
        call.send(Google_Protobuf_Empty().encoded)
        call.finish(.ok)
      }
    default:
      let scripted = ScriptedCall(call)
      function.calls.add(scripted)
      return ScriptedHandler(scripted)
    }
  }
}

/// Answers the only message of a call.
private final class UnaryHandler: GRPCServerCallHandler {
  private let answer: (ByteBuffer) -> Void

  init(_ answer: @escaping (ByteBuffer) -> Void) { self.answer = answer }

  func receive(_ message: ByteBuffer) { answer(message) }
  func receiveEnd() {}
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) {}
}

/// One call of the proxy, which the case answers.
final class ScriptedCall: Sendable {
  /// The path of the method.
  let path: String
  /// What the proxy sends.
  let incoming = EventQueue<RecordedConnection.Event>()

  private let eventLoop: any EventLoop
  private let call: NIOLoopBound<any GRPCServerCall>

  init(_ call: any GRPCServerCall) {
    path = call.path
    eventLoop = call.eventLoop
    self.call = NIOLoopBound(call, eventLoop: call.eventLoop)
  }

  func send(_ message: some Message) {
    let bytes = message.encoded
    eventLoop.execute { [call] in call.value.send(bytes) }
  }

  func finish(_ status: GRPCStatus = .ok) {
    eventLoop.execute { [call] in call.value.finish(status) }
  }
}

private final class ScriptedHandler: GRPCServerCallHandler {
  private let call: ScriptedCall

  init(_ call: ScriptedCall) { self.call = call }

  func receive(_ message: ByteBuffer) { call.incoming.add(.message(message)) }
  func receiveEnd() { call.incoming.add(.completed) }
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) { call.incoming.add(.failed(status)) }
}
