import NIOCore
import NIOSSL

extension ConnectionPeer {
  /// What a channel knows of its other end. With TLS, the handshake is over. Called on the channel's event loop.
  init(of channel: any Channel) {
    let tls = try? channel.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
    // TLS knows a client's certificate only if it was asked for, and then it has been verified.
    self.init(
      address: channel.remoteAddress.map { "\($0)" } ?? "unknown", isEncrypted: tls != nil,
      certificate: tls?.peerCertificate.map { PeerCertificate($0) })
  }
}
