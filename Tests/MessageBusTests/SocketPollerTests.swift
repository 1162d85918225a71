import Testing
import ZeroMQ

/// Waiting for many sockets at once. All of it happens on one thread: inproc connections need no other.
struct SocketPollerTests {
  /// Longer than any of these waits takes unless something is broken.
  private static let long = 10_000

  /// Two ends of a connection, of which the near one is waited for.
  private final class Pair {
    let near: Socket
    let far: Socket
    private let message = Message()

    init(_ name: String, in context: Context, limit: Int32 = 0) throws {
      near = try Socket(.pair, in: context)
      far = try Socket(.pair, in: context)
      for option in [
        Socket.Option.linger(0), .sendHighWaterMark(limit), .receiveHighWaterMark(limit),
      ] {
        try near.set(option)
        try far.set(option)
      }
      try far.bind("inproc://\(name)")
      try near.connect("inproc://\(name)")
    }

    var isReadable: Bool { near.isReadable }
    var isWritable: Bool { near.isWritable }

    func sendFar() throws -> Bool { try send(far) }
    func sendNear() throws -> Bool { try send(near) }
    func receiveFar() throws -> Bool { try far.receive(into: message) }
    func receiveNear() throws -> Bool { try near.receive(into: message) }

    private func send(_ socket: borrowing Socket) throws -> Bool {
      let word: [UInt8] = [1, 2, 3]
      return try socket.send(word.span.bytes)
    }
  }

  private let context: Context
  private let counter: EventCounter
  private let poller: SocketPoller

  init() throws {
    context = try Context()
    counter = try EventCounter()
    poller = try SocketPoller(counter)
  }

  @Test("The socket on which something arrives is readable, the others are not")
  func arrival() throws {
    let (one, other) = (try Pair("one", in: context), try Pair("other", in: context))
    try poller.add(one.near)
    try poller.add(other.near)
    try poller.wait(milliseconds: 0)
    #expect(!one.isReadable && !other.isReadable && !poller.isSignalled)
    #expect(try other.sendFar())
    try poller.wait(milliseconds: Self.long)
    #expect(!one.isReadable && other.isReadable)
  }

  @Test("What was not read stays to be read, without another signal")
  func leftOver() throws {
    let pair = try Pair("pair", in: context)
    try poller.add(pair.near)
    #expect(try pair.sendFar())
    #expect(try pair.sendFar())
    for _ in 1...2 {
      try poller.wait(milliseconds: Self.long)
      #expect(pair.isReadable)
      #expect(try pair.receiveNear())
    }
    try poller.wait(milliseconds: 0)
    #expect(!pair.isReadable)
    #expect(try pair.sendFar())
    // Nobody reads; nobody uses the socket in between either.
    for _ in 1...3 {
      try poller.wait(milliseconds: Self.long)
      #expect(pair.isReadable)
    }
  }

  /// What may make libzmq take a signal in.
  enum Use: CaseIterable {
    case events, sending, connecting, options
  }

  @Test(
    "A signal that libzmq takes in while the socket is used for something else is not lost",
    arguments: Use.allCases)
  func signalTakenIn(use: Use) throws {
    let pair = try Pair("pair", in: context)
    try poller.add(pair.near)
    try poller.wait(milliseconds: 0)
    #expect(try pair.sendFar())
    switch use {
    case .events: try pair.near.processEvents()
    case .sending:
      // It looks once in some milliseconds.
      let end = ContinuousClock.now + .milliseconds(10)
      while ContinuousClock.now < end { #expect(try pair.sendNear()) }
    case .connecting:
      try pair.near.connect("inproc://nowhere")
    case .options: try pair.near.set(.linger(1))
    }
    try poller.wait(milliseconds: Self.long)
    #expect(pair.isReadable)
  }

  @Test("Room to write is told of only where it is waited for, and once it is there")
  func room() throws {
    let pair = try Pair("pair", in: context, limit: 1)
    try poller.add(pair.near)
    try poller.wait(milliseconds: 0)
    pair.near.awaitRoom(true)
    try poller.wait(milliseconds: Self.long)
    #expect(pair.isWritable)
    pair.near.awaitRoom(false)
    while try pair.sendNear() {}
    pair.near.awaitRoom(true)
    try poller.wait(milliseconds: 0)
    #expect(!pair.isWritable)
    while try pair.receiveFar() {}
    try poller.wait(milliseconds: Self.long)
    #expect(pair.isWritable && !pair.isReadable)
    pair.near.awaitRoom(false)
    try poller.wait(milliseconds: 0)
    #expect(!pair.isWritable)
  }

  @Test("A socket that ends is waited for no more")
  func end() throws {
    do {
      let pair = try Pair("pair", in: context)
      try poller.add(pair.near)
      #expect(try pair.sendFar())
      try poller.wait(milliseconds: Self.long)
      #expect(pair.isReadable)
    }
    counter.signal()
    try poller.wait(milliseconds: Self.long)
    #expect(poller.isSignalled)
    counter.clear()
    // What libzmq does with it meanwhile wakes nobody.
    let start = ContinuousClock.now
    try poller.wait(milliseconds: 30)
    #expect(!poller.isSignalled && ContinuousClock.now - start >= .milliseconds(29))
  }

  @Test("The counter ends a wait beside sockets with nothing to do")
  func counterSignal() throws {
    let pair = try Pair("pair", in: context)
    try poller.add(pair.near)
    counter.signal()
    try poller.wait(milliseconds: Self.long)
    #expect(poller.isSignalled && !pair.isReadable)
  }
}
