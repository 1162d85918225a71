import GRPCTransport
import NIOCore
import NIOPosix
import Synchronization

/// The states a connection went through.
final class StateLog: Sendable {
  private let states = Mutex<[GRPCConnectivity]>([])

  var all: [GRPCConnectivity] { states.withLock { $0 } }

  func append(_ state: GRPCConnectivity) { states.withLock { $0.append(state) } }
}

/// A peer that says it speaks HTTP/2 and is silent from then on, as after a power failure.
enum MutePeer {
  static func connect(to address: GRPCAddress) async throws -> any Channel {
    guard case .tcp(let host, let port) = address else { throw ChannelError.unknownLocalAddress }
    let channel = try await ClientBootstrap(group: testGroup).connect(host: host, port: port).get()
    var hello = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    hello.writeBytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    try await channel.writeAndFlush(hello)
    return channel
  }
}

/// The value once it has been the same for a while.
func settled(_ value: () -> Int) async throws -> Int {
  var last = value()
  var rounds = 0
  while rounds < 30 {
    try await Task.sleep(for: .milliseconds(5))
    let now = value()
    rounds = now == last ? rounds + 1 : 0
    last = now
  }
  return last
}
