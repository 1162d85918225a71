import GRPCTransport
import Gzip
import NIOCore
import NIOHPACK

/// An exchange that compresses JSON for clients that accept gzip. Loop-bound, as the exchange behind it.
///
/// A stream is flushed with each message, so that none waits for the next one.
final class CompressedExchange: HTTPServerExchange {
  /// Larger bodies go as they are: a megabyte takes some ten milliseconds, in which the loop serves nobody.
  private static let mostBytes = 1 << 20
  private static let types: Set<String> = [MediaType.json, MediaType.lines, MediaType.events]

  private let exchange: any HTTPServerExchange
  private let accepted: AcceptEncoding
  private let leastBytes: Int
  private var stream: GzipStream?

  init(_ exchange: any HTTPServerExchange, accepted: AcceptEncoding, leastBytes: Int) {
    self.exchange = exchange
    self.accepted = accepted
    self.leastBytes = leastBytes
  }

  var eventLoop: any EventLoop { exchange.eventLoop }
  var peer: ConnectionPeer { exchange.peer }
  var isWritable: Bool { exchange.isWritable }

  func respond(_ start: HTTPResponseStart, body: ByteBuffer) {
    guard body.readableBytes >= leastBytes, Self.isCompressible(start) else {
      return exchange.respond(start, body: body)
    }
    guard body.readableBytes <= Self.mostBytes, accepted.admitsGzip,
      let bytes = try? Gzip.compress(body.readableBytesView, level: Gzip.fastLevel)
    else {
      return exchange.respond(Self.varying(start), body: body)
    }
    exchange.respond(Self.compressed(start), body: ByteBuffer(bytes: bytes))
  }

  func begin(_ start: HTTPResponseStart) {
    guard Self.isCompressible(start) else { return exchange.begin(start) }
    stream = accepted.admitsGzip ? try? GzipStream(level: Gzip.fastLevel) : nil
    exchange.begin(stream == nil ? Self.varying(start) : Self.compressed(start))
  }

  func send(_ bytes: ByteBuffer) {
    guard let stream else { return exchange.send(bytes) }
    exchange.send(ByteBuffer(bytes: stream.append(bytes.readableBytesView)))
  }

  func end() {
    if let stream { exchange.send(ByteBuffer(bytes: stream.finish())) }
    stream = nil
    exchange.end()
  }

  func abort() {
    stream = nil
    exchange.abort()
  }

  /// Whether the content is JSON that the user function has not encoded itself, and lets others encode
  /// (RFC 9111, 5.2.2.6).
  private static func isCompressible(_ start: HTTPResponseStart) -> Bool {
    guard let type = start.contentType, types.contains(MediaType(type).name) else { return false }
    return start.headers["content-encoding"] == nil
      && start.headers["cache-control"]?.contains("no-transform") != true
  }

  /// Caches must know that another client may get something else.
  private static func varying(_ start: HTTPResponseStart) -> HTTPResponseStart {
    var start = start
    start.headers.add("vary", "accept-encoding")
    return start
  }

  private static func compressed(_ start: HTTPResponseStart) -> HTTPResponseStart {
    var start = varying(start)
    start.headers.add("content-encoding", "gzip")
    return start
  }
}
