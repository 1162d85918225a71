import NIOCore
import NIOHPACK

/// The response to one gRPC-Web call. Loop-bound.
///
/// What one turn of the event loop brings goes out together, and a response that is over within a turn is sent
/// whole, with its length.
final class GRPCWebResponse {
  private let exchange: any HTTPServerExchange
  private let format: GRPCWebFormat
  private let isCompressing: Bool
  private var headers: GRPCMetadata?
  /// Frames that wait for the end of the turn; less than ``MessageBatch/fullBytes``.
  private var frames = ByteBuffer()
  private var hasBegun = false
  private var isOver = false
  private var isFlushScheduled = false

  /// - Parameter isCompressing: whether the client takes gzip.
  init(exchange: any HTTPServerExchange, format: GRPCWebFormat, isCompressing: Bool) {
    self.exchange = exchange
    self.format = format
    self.isCompressing = isCompressing
  }

  /// A second time is ignored.
  func sendHeaders(_ metadata: GRPCMetadata) {
    guard headers == nil else { return }
    headers = metadata
    scheduleFlush()
  }

  func send(_ message: ByteBuffer) {
    if headers == nil { headers = GRPCMetadata() }
    let compressed = isCompressing ? MessageEncoding.compressed(message) : nil
    let payload = compressed ?? message
    frames.writeMultipleIntegers(
      UInt8(compressed == nil ? 0 : 1), UInt32(payload.readableBytes))
    frames.writeImmutableBuffer(payload)
    if frames.readableBytes >= MessageBatch.fullBytes { flush() } else { scheduleFlush() }
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    isOver = true
    guard headers != nil || status.code == .ok else {
      let answer = GRPCWebAnswers.failure(status, trailers: trailers, format: format)
      return exchange.respond(answer.start, body: answer.body)
    }
    GRPCWebAnswers.write(
      trailers: HeaderBlocks.trailers(status, metadata: trailers, isOnly: false), to: &frames)
    guard hasBegun else { return exchange.respond(start, body: format.encode(frames)) }
    exchange.send(format.encode(frames))
    exchange.end()
  }

  private var start: HTTPResponseStart {
    var start = HTTPResponseStart(
      status: 200, contentType: format.contentType, headers: headers ?? GRPCMetadata())
    if isCompressing {
      start.transportHeaders = ["grpc-encoding": MessageEncoding.gzip.rawValue]
    }
    return start
  }

  private func scheduleFlush() {
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    exchange.eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.flush()
    }
  }

  private func flush() {
    guard !isOver else { return }
    if !hasBegun {
      hasBegun = true
      exchange.begin(start)
    }
    guard frames.readableBytes > 0 else { return }
    let piece = format.encode(frames)
    frames = ByteBuffer()
    exchange.send(piece)
  }
}
