import NIOCore

/// What a server that does not speak HTTP/2 as the client does shows of itself.
enum ServerRefusal: Error, Hashable {
  /// TLS, where the client spoke plain text.
  case speaksTLS
  /// HTTP/1 only.
  case speaksHTTP1
  /// TLS, with a certificate for another name.
  case wrongName
  /// TLS, but ALPN did not end in HTTP/2.
  case noHTTP2

  /// An alert of TLS (RFC 8446, 5.1), read as the beginning of a frame a length nobody uses.
  private static let alert: [UInt8] = [21, 3]
  private static let http1 = Array("HTTP/1".utf8)

  /// `nil` for bytes that may be HTTP/2.
  init?(firstBytes bytes: ByteBuffer) {
    let view = bytes.readableBytesView
    if view.starts(with: Self.alert) {
      self = .speaksTLS
    } else if view.starts(with: Self.http1) {
      // The answer is for people; those of well-known servers name one of these.
      let text = String(decoding: view.prefix(1024), as: UTF8.self)
      self = text.contains("TLS") || text.contains("HTTPS") ? .speaksTLS : .speaksHTTP1
    } else {
      return nil
    }
  }
}
