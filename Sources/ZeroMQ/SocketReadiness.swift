import CZeroMQ

/// What a ``SocketPoller`` knows of one socket. Belongs to the thread of the socket.
final class SocketReadiness {
  /// As the last wait of the poller found it.
  private(set) var isReadable = false
  private(set) var isWritable = false
  /// Whether the poller is to wait for room to write, too. There may be some already, without a signal.
  var awaitsRoom = false {
    didSet { if awaitsRoom != oldValue { noteUse() } }
  }
  /// Whether it is on the poller's list of those to be asked.
  var isUsed = false

  private let raw: UnsafeMutableRawPointer
  private var membership: (poller: SocketPoller, number: UInt64, descriptor: Int32)?

  init(of raw: UnsafeMutableRawPointer) { self.raw = raw }

  var isReady: Bool { isReadable || isWritable }

  func join(_ poller: SocketPoller, number: UInt64, descriptor: Int32) {
    membership = (poller, number, descriptor)
    poller.noteUse(of: self)
  }

  /// libzmq has been called for the socket.
  func noteUse() { membership?.poller.noteUse(of: self) }

  func reset() {
    isReadable = false
    isWritable = false
  }

  /// Asks the socket.
  func update() throws(ZeroMQError) {
    let events = try currentEvents(of: raw)
    isReadable = events & ZMQ_POLLIN != 0
    isWritable = awaitsRoom && events & ZMQ_POLLOUT != 0
  }

  /// The socket is about to end.
  func leave() {
    if let membership {
      membership.poller.remove(
        self, number: membership.number, descriptor: membership.descriptor)
    }
    membership = nil
  }
}

/// What a socket has to do (ZMQ_EVENTS). Asking makes it act on what its I/O thread has told it.
func currentEvents(of raw: UnsafeMutableRawPointer) throws(ZeroMQError) -> Int32 {
  try option(ZMQ_EVENTS, "ZMQ_EVENTS", of: raw)
}

/// An option of a socket that is an `int` (zmq_getsockopt(3)).
func option(
  _ number: Int32, _ name: String, of raw: UnsafeMutableRawPointer
) throws(ZeroMQError) -> Int32 {
  var value: Int32 = 0
  var count = MemoryLayout<Int32>.size
  try require("zmq_getsockopt \(name)") { zmq_getsockopt(raw, number, &value, &count) }
  return value
}
