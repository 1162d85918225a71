import NIOCore
import NIOEmbedded
import Testing

@testable import GRPCTransport

/// What a server takes the other end of a connection for.
struct ConnectionPeerTests {
  private func isLocal(_ address: SocketAddress?) -> Bool {
    let channel = EmbeddedChannel()
    channel.remoteAddress = address
    return ConnectionPeer(of: channel).isLocal
  }

  @Test("Only addresses that no other machine can have are local")
  func isLocal() throws {
    for text in ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"] {
      #expect(isLocal(try SocketAddress(ipAddress: text, port: 1)), "\(text)")
    }
    for text in ["10.0.0.1", "128.0.0.1", "::2", "::ffff:10.0.0.1", "fe80::1"] {
      #expect(!isLocal(try SocketAddress(ipAddress: text, port: 1)), "\(text)")
    }
    #expect(isLocal(try SocketAddress(unixDomainSocketPath: "/run/x")))
    #expect(!isLocal(nil))
  }
}
