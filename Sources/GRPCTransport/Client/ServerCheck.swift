import NIOCore
import NIOSSL
import NIOTLS

/// Closes a connection of TLS whose server is not the one that was asked for, or has not agreed to HTTP/2.
///
/// The library is content with a certificate for the server's address, whatever name was connected to. Whoever
/// can change what a name leads to could show one of his own address, so the name is checked here.
final class ServerCheck: ChannelInboundHandler {
  typealias InboundIn = NIOAny

  /// The protocol's name (RFC 9113, 3.1).
  static let http2 = "h2"

  private let tls: NIOSSLClientHandler
  private let hostName: String?

  /// - Parameter hostName: what the certificate must be for; `nil` for the address, which the library has checked.
  init(tls: NIOSSLClientHandler, hostName: String?) {
    self.tls = tls
    self.hostName = hostName
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted(let agreed) = event, let refusal = refusal(agreed) {
      context.fireErrorCaught(refusal)
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  private func refusal(_ agreed: String?) -> ServerRefusal? {
    if let hostName {
      let names = tls.peerCertificate.map { PeerCertificate($0).alternativeNames } ?? []
      guard names.contains(where: { Self.matches($0, hostName) }) else { return .wrongName }
    }
    return agreed == Self.http2 ? nil : .noHTTP2
  }

  /// Compares as RFC 9525, 6.3 says: without regard to capitals, and a `*` stands for one whole first label.
  static func matches(_ pattern: String, _ hostName: String) -> Bool {
    let pattern = pattern.lowercased()
    var host = hostName.lowercased()[...]
    if host.hasSuffix(".") { host.removeLast() }
    guard pattern.hasPrefix("*."), let dot = host.firstIndex(of: "."), dot > host.startIndex else {
      return pattern == host
    }
    return pattern.dropFirst() == host[dot...]
  }
}
