/// Decides, pure, whether the peer of a stream goes on with what it has begun. Asked now and then, each time
/// about the time since the last.
struct StreamProgress {
  /// Bytes of an unfinished message that count as going on.
  private static let leastBytes = 1024

  private var receivedBytes = 0
  /// Bytes received when the message that is not complete was last looked at; below zero if there was none.
  private var inboundMark = -1
  /// Bytes of a finished answer that flow control held at the last look.
  private var outboundMark = 0

  mutating func received(_ count: Int) { receivedBytes += count }

  /// The message that was begun is complete, or the owner does not want more of it now.
  mutating func messagePaused() { inboundMark = -1 }

  /// A look at a stream in the middle of a message.
  mutating func isMessageStalled() -> Bool {
    defer { inboundMark = receivedBytes }
    return inboundMark >= 0 && receivedBytes - inboundMark < Self.leastBytes
  }

  /// A look at a stream to which nothing more is written.
  ///
  /// - Parameter held: bytes for which the peer has no room.
  mutating func isAnswerStalled(held: Int) -> Bool {
    defer { outboundMark = held }
    return held > 0 && held == outboundMark
  }
}
