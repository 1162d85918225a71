import NIOCore
import NIOSSL
import Synchronization

extension ConnectionPeer {
  private static let lastConnection = Atomic<UInt64>(0)

  /// What a channel knows of its other end. With TLS, the handshake is over. Called on the channel's event loop.
  init(of channel: any Channel) {
    let address = channel.remoteAddress
    let tls = try? channel.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
    // TLS knows a client's certificate only if it was asked for, and then it has been verified.
    self.init(
      connection: Self.lastConnection.add(1, ordering: .relaxed).newValue,
      address: address.map { "\($0)" } ?? "unknown", isLocal: address?.isLocal ?? false,
      isEncrypted: tls != nil, certificate: tls?.peerCertificate.map { PeerCertificate($0) })
  }
}

extension SocketAddress {
  /// Whether only this machine can have it (RFC 1122, 3.2.1.3, and RFC 4291, 2.5.3).
  fileprivate var isLocal: Bool {
    switch self {
    case .v4, .v6:
      guard let text = ipAddress else { return false }
      return text == "::1" || text.hasPrefix("127.") || text.hasPrefix("::ffff:127.")
    case .unixDomainSocket: return true
    }
  }
}
