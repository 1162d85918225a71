import NIOCore

/// The messages on their way from one end of an in-process call to the other, and whether the sender
/// may send more. A value; nobody is called.
///
/// Messages are counted with a little more than their bytes, so that empty ones cannot pile up.
struct MessageLane {
  /// What a message costs beside its bytes.
  static let messageOverhead = 32
  /// A lane that once held more messages than this gives the memory back when it is empty.
  private static let keptCapacity = 64

  private var messages = CircularBuffer<ByteBuffer>(initialCapacity: 2)
  private let windowBytes: Int
  /// What waits, overhead included.
  private(set) var queuedBytes = 0
  /// Whether the sender should wait: at the window, until half of it has been taken.
  private(set) var isFull = false
  /// Whether the lane has been full since the sender was last told that it is writable. The sender may
  /// have seen that without being told, and waits to hear of the opposite.
  private var hasBeenFull = false
  /// Whether the sender was told that the lane is full.
  private var isFullTold = false
  /// Whether the receiver takes messages.
  var isReading = true

  /// - Parameter windowBytes: what may wait before the lane is full. It takes more, since a sender may
  ///   ignore that.
  init(windowBytes: Int) { self.windowBytes = windowBytes }

  /// Whether every message was taken.
  var isEmpty: Bool { messages.isEmpty }
  /// Whether ``take()`` has a message.
  var hasDeliverable: Bool { isReading && !messages.isEmpty }
  /// Whether ``takeNews()`` has something.
  var hasNews: Bool { isFull ? !isFullTold : hasBeenFull }

  /// Adds a message behind all others.
  mutating func append(_ message: ByteBuffer) {
    messages.append(message)
    queuedBytes += message.readableBytes + Self.messageOverhead
    guard queuedBytes >= windowBytes else { return }
    isFull = true
    hasBeenFull = true
  }

  /// The next message, if there is one and the receiver reads.
  mutating func take() -> ByteBuffer? {
    guard isReading, let message = messages.popFirst() else { return nil }
    queuedBytes -= message.readableBytes + Self.messageOverhead
    if queuedBytes <= windowBytes / 2 { isFull = false }
    if messages.isEmpty, messages.capacity > Self.keptCapacity { messages = Self.noMessages }
    return message
  }

  /// Whether the lane is writable, if the sender may believe something else.
  mutating func takeNews() -> Bool? {
    guard hasNews else { return nil }
    isFullTold = isFull
    hasBeenFull = isFull
    return !isFull
  }

  /// Drops what waits; for a receiver that takes nothing any more.
  mutating func discard() {
    messages = Self.noMessages
    queuedBytes = 0
    isFull = false
  }

  private static var noMessages: CircularBuffer<ByteBuffer> { CircularBuffer(initialCapacity: 2) }
}
