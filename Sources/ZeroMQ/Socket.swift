import CZeroMQ
import Glibc

/// A libzmq socket, closed when the value ends.
///
/// A ZeroMQ socket belongs to one thread. The compiler keeps that: the type is not Sendable, so a
/// socket stays where it was made; debug builds check each call besides.
package struct Socket: ~Copyable {
  /// The patterns in use (zmq_socket(3)).
  package enum Kind: Sendable {
    case pair, publish, subscribe, dealer, router
  }

  let raw: UnsafeMutableRawPointer
  let readiness: SocketReadiness
  private let context: Context
  private let owner: pthread_t

  /// Opens a socket that belongs to the calling thread.
  package init(_ kind: Kind, in context: Context) throws(ZeroMQError) {
    let number =
      switch kind {
      case .pair: ZMQ_PAIR
      case .publish: ZMQ_PUB
      case .subscribe: ZMQ_SUB
      case .dealer: ZMQ_DEALER
      case .router: ZMQ_ROUTER
      }
    guard let raw = zmq_socket(context.raw, number) else {
      throw ZeroMQError(code: zmq_errno(), operation: "zmq_socket \(kind)")
    }
    self.raw = raw
    readiness = SocketReadiness(of: raw)
    self.context = context
    owner = pthread_self()
  }

  deinit {
    checkThread()
    readiness.leave()
    zmq_close(raw)
  }

  /// Before each call of libzmq that may take signals of the socket in.
  private func use() {
    checkThread()
    readiness.noteUse()
  }

  func checkThread() {
    assert(pthread_equal(owner, pthread_self()) != 0, "ZeroMQ socket used from another thread")
  }

  /// Listens on an endpoint such as `tcp://127.0.0.1:*` (any free port) or `ipc:///run/a.sock`.
  package func bind(_ endpoint: String) throws(ZeroMQError) {
    use()
    try require("zmq_bind \(endpoint)") { zmq_bind(raw, endpoint) }
  }

  /// Connects in the background and keeps trying; only an endpoint that makes no sense fails here.
  package func connect(_ endpoint: String) throws(ZeroMQError) {
    use()
    try require("zmq_connect \(endpoint)") { zmq_connect(raw, endpoint) }
  }

  /// Ends what ``connect(_:)`` began; nothing happens if libzmq has given it up already. Messages that wait
  /// for that connection are lost.
  package func disconnect(_ endpoint: String) throws(ZeroMQError) {
    use()
    do {
      try require("zmq_disconnect \(endpoint)") { zmq_disconnect(raw, endpoint) }
    } catch {
      guard error.code == ENOENT else { throw error }
    }
  }

  /// The endpoint of the last bind or connect, with the actual port.
  package func lastEndpoint() throws(ZeroMQError) -> String {
    checkThread()
    // The longest endpoint is an ipc path (108 bytes) or a host name (255) and port.
    var text = [UInt8](repeating: 0, count: 512)
    var count = text.count
    try require("zmq_getsockopt ZMQ_LAST_ENDPOINT") {
      text.withUnsafeMutableBytes {
        zmq_getsockopt(raw, ZMQ_LAST_ENDPOINT, $0.baseAddress, &count)
      }
    }
    return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
  }

  // MARK: Readiness

  /// Whether the last wait of the socket's ``SocketPoller`` found something to read.
  package var isReadable: Bool { readiness.isReadable }

  /// Whether it found room to write, if it was to wait for that.
  package var isWritable: Bool { readiness.isWritable }

  /// Whether the poller waits for room to write, too.
  package func awaitRoom(_ awaitsRoom: Bool) { readiness.awaitsRoom = awaitsRoom }

  /// What becomes readable when the socket is to be asked for its events (ZMQ_FD).
  func descriptor() throws(ZeroMQError) -> Int32 {
    checkThread()
    return try option(ZMQ_FD, "ZMQ_FD", of: raw)
  }

  /// Makes the socket act on what its I/O thread has told it, such as lost connections. Sending does so
  /// only now and then.
  package func processEvents() throws(ZeroMQError) {
    use()
    _ = try currentEvents(of: raw)
  }

  /// Sends one frame without waiting; answers whether it was taken. If the first frame of a message is
  /// taken, the others are too.
  ///
  /// - Throws: EHOSTUNREACH from a mandatory ROUTER whose first frame names nobody.
  package func send(_ bytes: RawSpan, more: Bool = false) throws(ZeroMQError) -> Bool {
    use()
    let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
    return try perform("zmq_send") {
      bytes.withUnsafeBytes { zmq_send(raw, $0.baseAddress, $0.count, flags) }
    } != nil
  }

  /// Receives one frame without waiting; answers whether there was one. All frames of a message arrive
  /// together, so after the first the others are there.
  package func receive(into message: borrowing Message) throws(ZeroMQError) -> Bool {
    use()
    let frame = message.raw
    return try perform("zmq_msg_recv") { zmq_msg_recv(frame, raw, ZMQ_DONTWAIT) } != nil
  }
}
