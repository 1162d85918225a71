import CloudstateModel
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
  /// Whether only this machine can have it.
  fileprivate var isLocal: Bool {
    switch self {
    case .v4, .v6: ipAddress.map(HostText.isLoopback) ?? false
    case .unixDomainSocket: true
    }
  }
}
