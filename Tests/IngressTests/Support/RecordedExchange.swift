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
  var pieces: [ByteBuffer] = []
  var isEnded = false
  var isAborted = false

  var status: Int? { start?.status }
  var contentType: String? { start?.contentType }
  var sent: [String] { pieces.map { String(buffer: $0) } }
  var body: String { sent.joined() }
  var bytes: [UInt8] { pieces.flatMap { Array($0.readableBytesView) } }

  func respond(_ start: HTTPResponseStart, body: ByteBuffer) {
    begin(start)
    pieces = [body]
    end()
  }

  func begin(_ start: HTTPResponseStart) { self.start = start }
  func send(_ bytes: ByteBuffer) { pieces.append(bytes) }
  func end() { isEnded = true }
  func abort() { isAborted = true }
}
