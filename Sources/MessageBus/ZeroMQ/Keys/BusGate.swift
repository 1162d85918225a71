import ZeroMQ

/// Decides for libzmq which clients may connect to the sockets of a bus with a key: the ZAP handler of its
/// context (RFC 27). Belongs to the bus thread.
final class BusGate {
  static let domain = "cloudstate.bus"
  /// Where libzmq looks for the handler.
  private static let endpoint = "inproc://zeromq.zap.01"

  let socket: Socket
  private let key: BusKey
  private let frame = Message()

  /// Opens the gate; sockets that listen are made after it.
  init(_ key: BusKey, in context: Context) throws(ZeroMQError) {
    self.key = key
    let socket = try Socket(.router, in: context)
    // Bounds are those of libzmq: one question per handshake under way.
    try socket.set([.linger(0), .receiveHighWaterMark(0), .sendHighWaterMark(0)])
    try socket.bind(Self.endpoint)
    self.socket = socket
  }

  /// Answers the next question, and says who was refused if somebody was.
  ///
  /// - Returns: `nil` if nobody asks.
  func next() throws(ZeroMQError) -> ZAPRequest.Verdict? {
    guard try socket.receive(into: frame) else { return nil }
    var frames = [copy()]
    while frame.hasMore, try socket.receive(into: frame) { frames.append(copy()) }
    guard let request = ZAPRequest(frames) else { return .admitted }
    let verdict = request.verdict(of: key)
    let reply = request.reply(verdict)
    for (index, part) in reply.enumerated() {
      // The asker may be gone; then nobody waits for this.
      guard try socket.send(part.span.bytes, more: index < reply.count - 1) else { break }
    }
    return verdict
  }

  private func copy() -> [UInt8] { frame.withBytes { span in span.withUnsafeBytes { Array($0) } } }
}
