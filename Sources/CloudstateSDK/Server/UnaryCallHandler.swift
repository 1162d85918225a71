import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// A call with one request and one reply. Lives on the event loop of its call.
final class UnaryCallHandler<Request: Message, Reply: Message>: GRPCServerCallHandler {
  /// `nil` once the call is over, so that handler and call do not keep each other alive.
  private var call: (any GRPCServerCall)?
  private var request: Request?
  private let respond: (Request) -> Reply

  /// - Parameter respond: called once, when the client has sent everything.
  init(call: any GRPCServerCall, respond: @escaping (Request) -> Reply) {
    self.call = call
    self.respond = respond
  }

  func receive(_ message: ByteBuffer) {
    guard request == nil else {
      return finish(GRPCStatus(.invalidArgument, "The method takes one message."))
    }
    do {
      request = try Request(decoding: message)
    } catch {
      finish(
        GRPCStatus(.invalidArgument, "The \(Request.protoMessageName) is unreadable: \(error)."))
    }
  }

  func receiveEnd() {
    guard let call else { return }
    guard let request else {
      return finish(GRPCStatus(.invalidArgument, "The method takes one message, but none came."))
    }
    call.send(respond(request).encoded)
    finish(.ok)
  }

  func writabilityChanged(_ isWritable: Bool) {}

  func cancelled(_ status: GRPCStatus) { call = nil }

  private func finish(_ status: GRPCStatus) {
    call?.finish(status)
    call = nil
  }
}
