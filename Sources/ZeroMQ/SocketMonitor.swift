import CZeroMQ

/// What happened to a connection of a monitored socket (zmq_socket_monitor(3)).
package enum ConnectionEvent: Hashable, Sendable {
  /// The handshake is done: messages flow.
  case established
  /// An established or half-open connection ended; libzmq tries again if it had connected.
  case disconnected
  /// The other side does not speak ZMTP, or not the same way.
  case handshakeFailed
}

/// Reports the connections of one socket, in order. Belongs to the thread of that socket.
package struct SocketMonitor: ~Copyable {
  private let receiver: Socket
  private let message = Message()

  /// Starts to monitor. The monitor may end before or after the socket.
  package init(_ socket: borrowing Socket, in context: Context) throws(ZeroMQError) {
    socket.checkThread()
    let raw = socket.raw
    let endpoint = "inproc://monitor-\(UInt(bitPattern: raw))"
    let events =
      ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
      | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
      | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
    let receiver = try Socket(.pair, in: context)
    // libzmq's I/O thread waits when a monitor's queue is full, which would stall every socket; so this
    // queue is unbounded. It is read in each round, and events come only as fast as connections do.
    try receiver.set([.receiveHighWaterMark(0), .linger(0)])
    try require("zmq_socket_monitor") { zmq_socket_monitor(raw, endpoint, events) }
    try receiver.connect(endpoint)
    self.receiver = receiver
  }

  /// The oldest event not yet read, or `nil`.
  package func next() throws(ZeroMQError) -> ConnectionEvent? {
    while try receiver.receive(into: message) {
      let number = message.withBytes { bytes in
        bytes.byteCount >= 2 ? bytes.unsafeLoadUnaligned(as: UInt16.self) : 0
      }
      while message.hasMore, try receiver.receive(into: message) {}
      switch Int32(number) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .established
      case ZMQ_EVENT_DISCONNECTED: return .disconnected
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
        ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return .handshakeFailed
      default: continue
      }
    }
    return nil
  }

  /// Lends the socket to a ``PollSet``.
  package func withSocket(_ body: (borrowing Socket) -> Void) { body(receiver) }
}
