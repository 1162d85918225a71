import ArgumentParser
import CommandLineKit
import GRPCTransport
import Logging
import NIOCore
import NIOPosix

/// The raw ceiling's server: answers each unary call with its own message.
struct EchoServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "echo-server", abstract: "Serves unary echo through GRPCTransport until stopped.")

  @Option(help: "Where to listen.") var listen = "127.0.0.1:0"
  @Option(help: "Written with the address when it serves.") var readyFile: String?

  func run() async throws {
    try stopWithParent()
    guard let address = GRPCAddress(listen) else {
      throw ProgramError("'\(listen)' is not HOST:PORT", status: .usage)
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server = try await GRPCServer.start(
      configuration: GRPCServerConfiguration(address: address), router: EchoRouter(), group: group,
      logger: Logger(label: "cs-bench"))
    if let readyFile, let port = server.localAddress.port {
      try writeAtomically(readyFile, "{\"publicAddress\":\"127.0.0.1:\(port)\"}\n")
    }
    _ = try await SignalWatcher.firstSignal()
  }
}

private struct EchoRouter: GRPCServerRouter {
  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    EchoHandler(call: call)
  }
}

private final class EchoHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall

  init(call: any GRPCServerCall) { self.call = call }

  func receive(_ message: ByteBuffer) {
    call.send(message)
    call.finish(.ok)
  }

  func receiveEnd() {}
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) {}
}
