import CZeroMQ
import Glibc
import Synchronization

/// Counts the monitors of the process.
private let monitorNumbers = Atomic<UInt64>(0)

/// Reports the connections of one socket, in order. Part of a ``MonitoredSocket``; belongs to its thread.
package struct SocketMonitor: ~Copyable {
  private let receiver: Socket
  private let message = Message()
  private let state = State()

  private final class State {
    var book = ConnectionBook()
    var events: [ConnectionEvent] = []
  }

  /// Starts to monitor. The monitor must be stopped before it ends, see ``MonitoredSocket``.
  init(_ socket: borrowing Socket, in context: Context) throws(ZeroMQError) {
    socket.checkThread()
    let raw = socket.raw
    // Never used twice: libzmq frees the name of a closed monitor later than the memory of its socket.
    let number = monitorNumbers.wrappingAdd(1, ordering: .relaxed).newValue
    let endpoint = "inproc://monitor-\(number)"
    let events =
      ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
      | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
      | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
    let receiver = try Socket(.pair, in: context)
    // libzmq's I/O thread waits when a monitor's queue is full, which would stall every socket; so this
    // queue is unbounded. It is read in each round, and events come only as fast as connections do.
    try receiver.set([.receiveHighWaterMark(0), .linger(0)])
    try require("zmq_socket_monitor") { zmq_socket_monitor(raw, endpoint, events) }
    do {
      try receiver.connect(endpoint)
    } catch {
      Self.stop(socket)
      throw error
    }
    self.receiver = receiver
  }

  /// No event is sent any more when this returns.
  static func stop(_ socket: borrowing Socket) {
    socket.checkThread()
    // It fails only when the context has been terminated, which sockets outlive in no case.
    zmq_socket_monitor(socket.raw, nil, 0)
  }

  /// The oldest event not yet read, or `nil`.
  package func next() throws(ZeroMQError) -> ConnectionEvent? {
    while state.events.isEmpty {
      guard try receiver.receive(into: message) else { return nil }
      // zmq_socket_monitor(3): the number of the event in 16 bits, its value in 32 bits.
      let (number, value) = message.withBytes { bytes in
        bytes.byteCount >= 6
          ? (
            Int32(bytes.unsafeLoadUnaligned(as: UInt16.self)),
            bytes.unsafeLoadUnaligned(fromByteOffset: 2, as: Int32.self)
          ) : (0, 0)
      }
      while message.hasMore, try receiver.receive(into: message) {}
      state.events = state.book.note(number, value: value, address: peerAddress)
    }
    return state.events.removeFirst()
  }

  /// Whether the last wait of the monitor's ``SocketPoller`` found events.
  package var isReadable: Bool { receiver.isReadable }

  /// Has a poller wait for events.
  func join(_ poller: SocketPoller) throws(ZeroMQError) { try poller.add(receiver) }
}

/// The other end of a connected socket. It may have been closed meanwhile and its number be another's, so
/// the answer is for people only.
private func peerAddress(_ descriptor: Int32) -> String? {
  var storage = sockaddr_storage()
  var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
  return withUnsafeMutablePointer(to: &storage) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
      guard getpeername(descriptor, address, &length) == 0,
        [AF_INET, AF_INET6].contains(Int32(address.pointee.sa_family))
      else { return nil }
      var (host, port) = ([CChar](repeating: 0, count: 64), [CChar](repeating: 0, count: 8))
      guard
        getnameinfo(
          address, length, &host, socklen_t(host.count), &port, socklen_t(port.count),
          NI_NUMERICHOST | NI_NUMERICSERV) == 0
      else { return nil }
      func text(_ characters: [CChar]) -> String {
        String(
          decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
      let name = text(host)
      return "\(name.contains(":") ? "[\(name)]" : name):\(text(port))"
    }
  }
}
