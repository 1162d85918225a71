import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// One reflection call. Loop-bound to its call.
///
/// Each request has one answer, and no request is read while the client does not take answers, so nothing
/// piles up here.
final class ReflectionHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private var session: ReflectionSession
  private var isOver = false

  init(call: any GRPCServerCall, session: ReflectionSession) {
    self.call = call
    self.session = session
  }

  func receive(_ message: ByteBuffer) {
    guard !isOver else { return }
    guard let request = try? Grpc_Reflection_V1alpha_ServerReflectionRequest(decoding: message)
    else {
      finish(GRPCStatus(.invalidArgument, "the message is not a ServerReflectionRequest"))
      return
    }
    call.send(session.answer(request).encoded)
    if !call.isWritable { call.setReading(false) }
  }

  func receiveEnd() { finish(.ok) }

  func writabilityChanged(_ isWritable: Bool) {
    guard !isOver else { return }
    call.setReading(isWritable)
  }

  func cancelled(_ status: GRPCStatus) { isOver = true }

  private func finish(_ status: GRPCStatus) {
    guard !isOver else { return }
    isOver = true
    call.finish(status)
  }
}
