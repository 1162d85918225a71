import NIOCore
import NIOSSL

/// Waits for the first byte of a connection to a port of TLS, puts TLS in its own place if it begins
/// a handshake, and answers plain HTTP in its own language. Until something has come, no state of TLS is held.
/// How long that may take is for the ``PrefaceGuard`` behind to say.
final class TLSGuard: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// The type of a handshake record (RFC 8446, 5.1).
  private static let handshakeRecord: UInt8 = 22

  private let certificates: ServerCertificates
  private let preface: PrefaceGuard
  private var isOver = false

  /// `preface` gets what TLS decrypts.
  init(certificates: ServerCertificates, preface: PrefaceGuard) {
    self.certificates = certificates
    self.preface = preface
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    guard !isOver, let first = bytes.readableBytesView.first else { return }
    isOver = true
    do {
      let pipeline = context.pipeline.syncOperations
      if first == Self.handshakeRecord {
        let tls = NIOSSLServerHandler(context: certificates.context)
        try pipeline.addHandler(tls, position: .after(self))
      } else if (0x41...0x5a).contains(first) {
        // A request of HTTP/1, or the preface of HTTP/2, which begins like one.
        try pipeline.addHandler(
          ClosingAnswer(
            .http1(status: "400 Bad Request", text: "This port speaks TLS: use https://")),
          position: .after(self))
        pipeline.removeHandler(preface, promise: nil)
      } else {
        return context.close(promise: nil)
      }
      context.fireChannelRead(data)
      pipeline.removeHandler(context: context, promise: nil)
    } catch {
      context.fireErrorCaught(error)
      context.close(promise: nil)
    }
  }
}
