import TestSupport
import Testing
import ZeroMQ

/// A ZeroMQ socket without a bus around it. Its methods do not suspend while they use the socket.
final class RawPeer {
  private let context: Context
  let socket: Socket
  private let frame = Message()

  init(_ kind: Socket.Kind) throws {
    context = try Context()
    let socket = try Socket(kind, in: context)
    try socket.set(.linger(0))
    self.socket = socket
  }
}
