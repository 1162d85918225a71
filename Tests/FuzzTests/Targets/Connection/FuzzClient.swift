import Logging
import NIOCore
import NIOEmbedded

@testable import GRPCTransport

/// A client's connection without a socket, with callers that do what a script says. Loop-bound.
final class FuzzClient {
  private static let maximumCalls = 16

  private let loop = EmbeddedEventLoop()
  private let connection: GRPCClientConnection
  private var channel: EmbeddedChannel?
  private var socket: FuzzSocket?
  private var script: [UInt8].Iterator
  private var calls: [FuzzCaller] = []
  private var failure: (any Error)?

  /// - Parameter settings: bits: impatient, small limits, compressing, probing at once.
  init(settings: UInt8, script: [UInt8]) throws {
    loop.advanceTime(to: .now())
    self.script = script.makeIterator()
    var configuration = GRPCClientConfiguration()
    configuration.maximumMessageBytes = settings & 2 == 0 ? 64 * 1024 : 512
    configuration.maximumConcurrentStreams = settings & 2 == 0 ? 100 : 2
    configuration.maximumQueuedCalls = settings & 2 == 0 ? 100 : 2
    configuration.maximumHeldBytes = 4096
    configuration.windowBytes = settings & 2 == 0 ? 1 << 20 : 65_535
    configuration.compressesRequests = settings & 4 != 0
    if settings & 8 != 0 {
      configuration.keepalive = GRPCKeepalive(interval: .nanoseconds(1), timeout: .nanoseconds(1))
    }
    connection = GRPCClientConnection(
      target: .tcp(host: "h", port: 1), eventLoop: loop, configuration: configuration,
      logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
    connection.dial = { [unowned self] session, _ in self.dial(session) }
    open(deadline: settings & 1 == 0 ? nil : .now() + .nanoseconds(1))
    open(deadline: nil)
    loop.run()
    if let failure { throw failure }
  }

  /// There is one server; when it is gone there is none.
  private func dial(_ session: ClientSession) {
    guard channel == nil else { return session.close() }
    let channel = EmbeddedChannel(loop: loop)
    let socket = FuzzSocket(channel)
    self.channel = channel
    self.socket = socket
    socket.tellsWritability = false
    do {
      try session.configure(channel, for: .tcp(host: "127.0.0.1", port: 1))
      try channel.pipeline.syncOperations.addHandler(socket, position: .first)
      channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    } catch {
      failure = error
    }
  }

  private func open(deadline: NIODeadline?) {
    guard calls.count < Self.maximumCalls else { return }
    let call = FuzzCaller()
    calls.append(call)
    call.stream = connection.openStream(
      path: "/s/m", metadata: GRPCMetadata(), deadline: deadline,
      waitForReady: calls.count % 3 == 0, handler: call)
  }

  func feed(_ bytes: [UInt8]) throws -> Bool {
    guard let channel, channel.isActive else { return false }
    channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
    if channel.isActive { channel.pipeline.fireChannelReadComplete() }
    try check()
    return true
  }

  func happen(_ event: FuzzConnection.Event) throws {
    switch event {
    case .answers: act()
    case .blocked: socket?.isBlocked = true
    case .taken: socket?.isBlocked = false
    case .time: loop.advanceTime(to: .now())
    case .broken: socket?.isBroken = true
    case .drain, .turn: loop.run()
    }
    try check()
  }

  /// A caller does the next thing of the script.
  private func act() {
    guard let choice = script.next(), !calls.isEmpty else { return }
    let call = calls[Int(choice >> 3) % calls.count]
    switch choice & 7 {
    case 0: open(deadline: nil)
    case 1: open(deadline: .now() + .nanoseconds(Int64(choice)))
    case 2: call.act { $0.send(ByteBuffer(repeating: 0x61, count: Int(choice) * 40)) }
    case 3: call.act { $0.sendEnd() }
    case 4: call.act { $0.cancel() }
    case 5: call.act { $0.setReading(false) }
    case 6: call.act { $0.setReading(true) }
    default:
      call.act {
        while $0.isWritable, call.goesOn { $0.send(ByteBuffer(repeating: 1, count: 9000)) }
      }
    }
  }

  func finish(isLost: Bool) throws {
    while try step() {}
    for call in calls { call.act { $0.setReading(true) } }
    loop.run()
    if isLost { socket?.lose() }
    loop.run()
    connection.close()
    loop.run()
    loop.run()
    try check()
    for call in calls {
      try demandEqual(call.ends, 1, "ends of a call")
    }
    try demand(channel?.isActive != true, "the connection is still open")
    connection.dial = { session, _ in session.close() }
  }

  private func step() throws -> Bool {
    guard var rest = Optional(script), rest.next() != nil else { return false }
    act()
    loop.run()
    try check()
    return true
  }

  private func check() throws {
    for call in calls {
      if let violation = call.violation { throw FuzzViolation(description: violation) }
    }
  }
}

/// Who makes one call, and watches that it is told what it must be told.
final class FuzzCaller: GRPCClientStreamHandler {
  private static let maximumSent = 40

  var stream: (any GRPCClientStream)?
  private(set) var violation: String?
  private(set) var ends = 0
  private var isActing = false
  private var sent = 0

  /// Whether a caller that sends as long as it may has not sent enough.
  var goesOn: Bool {
    sent += 1
    return sent < Self.maximumSent
  }

  func act(_ action: (any GRPCClientStream) -> Void) {
    guard let stream else { return }
    isActing = true
    action(stream)
    isActing = false
  }

  func receiveHeaders(_ metadata: GRPCMetadata) { check("receiveHeaders") }
  func receive(_ message: ByteBuffer) { check("receive") }
  func writabilityChanged(_ isWritable: Bool) { check("writabilityChanged") }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    check("ended")
    ends += 1
    stream = nil
  }

  private func check(_ what: String) {
    if ends > 0 { violation = violation ?? "\(what) behind the end of a call" }
    if isActing { violation = violation ?? "\(what) inside of a caller's own action" }
  }
}
