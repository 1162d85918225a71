import GRPCTransport
import NIOCore
import NIOEmbedded

/// A call that keeps what its handler does.
final class RecordedCall: GRPCServerCall {
  let eventLoop: any EventLoop = EmbeddedEventLoop()
  let path: String
  let metadata: GRPCMetadata
  let deadline: NIODeadline? = nil
  var peer = ConnectionPeer()
  var isWritable = true
  var isReading = true
  var headers: GRPCMetadata?
  var sent: [ByteBuffer] = []
  var status: GRPCStatus?
  var trailers = GRPCMetadata()
  var finishes = 0

  init(_ path: String, metadata: GRPCMetadata = GRPCMetadata()) {
    self.path = path
    self.metadata = metadata
  }

  /// The messages sent, as text.
  var texts: [String] { sent.map { String(buffer: $0) } }

  func sendHeaders(_ metadata: GRPCMetadata) { headers = metadata }
  func send(_ message: ByteBuffer) { sent.append(message) }
  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    self.status = status
    self.trailers = trailers
    finishes += 1
  }
  func setReading(_ reading: Bool) { isReading = reading }
}
