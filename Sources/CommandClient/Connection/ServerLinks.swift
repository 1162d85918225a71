package import GRPCTransport
package import NIOCore

/// One event loop's connections to the servers of a command line, opened when first used. All members
/// are called on ``eventLoop``.
package final class ServerLinks {
  /// Opens a connection; it may connect later, on demand.
  package typealias Connect =
    @Sendable (GRPCAddress, any EventLoop) -> any GRPCClientTransport

  package let eventLoop: any EventLoop
  package let addresses: [GRPCAddress]
  private let connect: Connect
  private var transports: [GRPCAddress: any GRPCClientTransport] = [:]
  private var current: Int

  /// - Parameters:
  ///   - addresses: at least one.
  ///   - first: index of the server to begin with; taken modulo the number of servers.
  package init(
    addresses: [GRPCAddress], startingWith first: Int = 0, on eventLoop: any EventLoop,
    connect: @escaping Connect
  ) {
    self.addresses = addresses
    self.eventLoop = eventLoop
    self.connect = connect
    current = addresses.isEmpty ? 0 : first % addresses.count
  }

  /// The server in use.
  package var currentAddress: GRPCAddress { addresses[current] }

  /// The connection to the server in use.
  package var currentTransport: any GRPCClientTransport {
    if let transport = transports[currentAddress] { return transport }
    let transport = connect(currentAddress, eventLoop)
    transports[currentAddress] = transport
    return transport
  }

  /// Closes all connections; nothing may be used afterwards.
  package func close() {
    for transport in transports.values { transport.close() }
    transports.removeAll()
  }

  /// Turns to the next server, unless another call has turned away from `failed` before.
  package func turn(from failed: GRPCAddress) {
    guard failed == currentAddress else { return }
    current = (current + 1) % addresses.count
  }
}
