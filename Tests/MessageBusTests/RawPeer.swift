import Synchronization
import TestSupport
import Testing
import ZeroMQ

/// A ZeroMQ socket without a bus around it, on a thread of its own.
final class RawPeer: Sendable {
  enum Attachment: Sendable {
    case bind(String)
    case connect(String)
  }

  private struct State {
    var outgoing: [[[UInt8]]] = []
    var isClosing = false
    var endpoint: String?
    var failure: String?
  }

  /// What has arrived: messages of frames.
  let received = Recorder<[[UInt8]]>()
  private let shared: Shared
  private let thread: SocketThread

  private final class Shared: Sendable {
    let state = Mutex(State())
    let wakeUp: EventCounter

    init() throws { wakeUp = try EventCounter() }
  }

  /// - Parameter reads: whether to take in what arrives.
  init(_ kind: Socket.Kind, _ attachment: Attachment, reads: Bool = true) async throws {
    let shared = try Shared()
    self.shared = shared
    thread = try SocketThread(name: "raw peer") { [received] in
      do {
        try Self.run(kind, attachment, reads: reads, shared, received)
      } catch {
        shared.state.withLock { $0.failure = "\(error)" }
      }
    }
    try await eventually("the raw peer runs") {
      shared.state.withLock { $0.endpoint != nil || $0.failure != nil }
    }
    #expect(failure == nil)
  }

  deinit {
    shared.state.withLock { $0.isClosing = true }
    shared.wakeUp.signal()
    thread.join()
  }

  var endpoint: String { shared.state.withLock { $0.endpoint ?? "" } }
  var failure: String? { shared.state.withLock { $0.failure } }

  /// Queues a message of frames.
  func send(_ frames: [[UInt8]]) {
    shared.state.withLock { $0.outgoing.append(frames) }
    shared.wakeUp.signal()
  }

  private static func run(
    _ kind: Socket.Kind, _ attachment: Attachment, reads: Bool, _ shared: Shared,
    _ received: Recorder<[[UInt8]]>
  ) throws {
    let context = try Context()
    let socket = try Socket(kind, in: context)
    try socket.set([.linger(0), .receiveHighWaterMark(reads ? 0 : 1)])
    switch attachment {
    case .bind(let endpoint): try socket.bind(endpoint)
    case .connect(let endpoint): try socket.connect(endpoint)
    }
    let endpoint = try socket.lastEndpoint()
    shared.state.withLock { $0.endpoint = endpoint }
    let frame = Message()
    let poller = try SocketPoller(shared.wakeUp)
    if reads { try poller.add(socket) }
    var outgoing: ArraySlice<[[UInt8]]> = []
    while !shared.state.withLock({ $0.isClosing }) {
      outgoing += shared.state.withLock { state in
        defer { state.outgoing = [] }
        return state.outgoing
      }
      while let message = outgoing.first, try send(message, on: socket) { outgoing.removeFirst() }
      try poller.wait(milliseconds: outgoing.isEmpty ? 100 : 5)
      shared.wakeUp.clear()
      while reads, try socket.receive(into: frame) {
        var message = [bytes(of: frame)]
        while frame.hasMore, try socket.receive(into: frame) { message.append(bytes(of: frame)) }
        received.append(message)
      }
    }
  }

  private static func send(_ message: [[UInt8]], on socket: borrowing Socket) throws -> Bool {
    for (index, frame) in message.enumerated() {
      guard try socket.send(frame.span.bytes, more: index < message.count - 1) else { return false }
    }
    return true
  }

  private static func bytes(of frame: borrowing Message) -> [UInt8] {
    frame.withBytes { span in span.withUnsafeBytes { Array($0) } }
  }
}
