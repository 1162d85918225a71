import GRPCTransport
import NIOCore
import NIOEmbedded

/// An exchange that keeps what its router does.
final class RecordedExchange: HTTPServerExchange {
  let eventLoop: any EventLoop = EmbeddedEventLoop()
  var peer = ConnectionPeer()
  var isWritable = true
  /// How the response began.
  var start: HTTPResponseStart?
  /// The body, in the pieces in which it was sent.
  var sent: [String] = []
  var isEnded = false
  var isAborted = false

  var status: Int? { start?.status }
  var contentType: String? { start?.contentType }
  var body: String { sent.joined() }

  func respond(_ start: HTTPResponseStart, body: ByteBuffer) {
    begin(start)
    sent = [String(buffer: body)]
    end()
  }

  func begin(_ start: HTTPResponseStart) { self.start = start }
  func send(_ bytes: ByteBuffer) { sent.append(String(buffer: bytes)) }
  func end() { isEnded = true }
  func abort() { isAborted = true }
}
