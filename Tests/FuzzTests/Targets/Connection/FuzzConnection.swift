import Logging
import NIOCore
import NIOEmbedded

@testable import GRPCTransport

/// A connection of the public listener, without a socket: the handlers of ``GRPCServer`` on a loop whose turns
/// are the input's choice.
final class FuzzConnection {
  /// Something that happens to a connection besides bytes.
  enum Event {
    case answers, blocked, taken, time, drain, broken, turn
  }

  private static let maximumTurns = 200
  /// More than a socket's high watermark, a stream's, and all that the service sends without asking.
  private static let maximumPendingBytes = 16 << 20
  private static let prefaceBytes = 24

  let service = FuzzService()
  private let loop = EmbeddedEventLoop()
  private let channel: EmbeddedChannel
  private let socket: FuzzSocket
  private var fedBytes = 0

  /// - Parameter settings: bits: impatient, small limits, no plain HTTP, probing at once.
  init(settings: UInt8) throws {
    // The transport's deadlines are on the clock of the machine.
    loop.advanceTime(to: .now())
    channel = EmbeddedChannel(loop: loop)
    socket = FuzzSocket(channel)
    var configuration = GRPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0))
    configuration.maximumMessageBytes = settings & 2 == 0 ? 64 * 1024 : 512
    configuration.maximumConcurrentStreams = settings & 2 == 0 ? 100 : 3
    configuration.maximumHeaderListBytes = settings & 2 == 0 ? 16 * 1024 : 512
    configuration.windowBytes = settings & 2 == 0 ? 1 << 20 : 65_535
    if settings & 1 != 0 {
      configuration.handshakeTimeout = .nanoseconds(1)
      configuration.http1IdleTimeout = .nanoseconds(1)
      // The timers of these are armed again and again while there is a call.
      configuration.stallTimeout = .microseconds(100)
      configuration.connectionIdleTimeout = .microseconds(100)
    }
    if settings & 8 != 0 {
      configuration.keepalive = GRPCKeepalive(interval: .nanoseconds(1), timeout: .nanoseconds(1))
    }
    let assembly = ConnectionAssembly(
      configuration: configuration, router: service, http: settings & 4 == 0 ? service : nil,
      logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
    try assembly.serve(channel)
    try channel.pipeline.syncOperations.addHandler(socket, position: .first)
    channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    channel.pipeline.read()
  }

  var isOpen: Bool { channel.isActive }

  /// Gives the connection bytes as one read of the socket. Answers whether it took them.
  func feed(_ bytes: [UInt8]) throws -> Bool {
    let missing = Self.prefaceBytes - fedBytes
    guard missing > 0, bytes.count > missing else { return try give(bytes[...]) }
    return try give(bytes.prefix(missing)) && give(bytes.dropFirst(missing))
  }

  private func give(_ bytes: ArraySlice<UInt8>) throws -> Bool {
    guard waitForRead() else { return false }
    fedBytes += bytes.count
    channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
    if isOpen { channel.pipeline.fireChannelReadComplete() }
    if fedBytes == Self.prefaceBytes { try keepSocketFirst() }
    if isOpen { channel.pipeline.read() }
    try check()
    return true
  }

  /// A connection that reads nothing now may do so once it is answered.
  private func waitForRead() -> Bool {
    for _ in 0..<Self.maximumTurns {
      guard isOpen else { return false }
      if socket.takeRead() { return true }
      let hasStepped = service.step()
      loop.run()
      if !hasStepped, !socket.isReadWanted { return false }
    }
    return false
  }

  /// The handlers of HTTP/2 go to the front of the pipeline, where the socket must be.
  private func keepSocketFirst() throws {
    guard isOpen, (try? channel.pipeline.syncOperations.handler(type: FlushCoalescer.self)) != nil
    else { return }
    socket.tellsWritability = false
    channel.pipeline.syncOperations.removeHandler(socket, promise: nil)
    try channel.pipeline.syncOperations.addHandler(socket, position: .first)
  }

  func happen(_ event: Event) throws {
    guard isOpen else { return }
    switch event {
    case .answers: _ = service.step()
    case .blocked: socket.isBlocked = true
    case .taken: socket.isBlocked = false
    case .time: loop.advanceTime(to: .now())
    case .drain: channel.pipeline.fireUserInboundEventTriggered(ConnectionShouldDrain())
    case .broken: socket.isBroken = true
    case .turn: loop.run()
    }
    try check()
  }

  /// Lets everything come to rest, ends the connection and checks that nothing of it is left.
  ///
  /// - Parameter isLost: whether the peer goes away; else this side closes.
  func finish(isLost: Bool) throws {
    for _ in 0..<Self.maximumTurns where isOpen {
      let hasStepped = service.step()
      loop.run()
      if !hasStepped { break }
    }
    if isOpen { if isLost { socket.lose() } else { channel.close(promise: nil) } }
    loop.run()
    loop.run()
    service.forget()
    try check()
    try demand(!isOpen, "the connection is still open")
    try demandEqual(service.open, 0, "calls that were never ended")
    try demandEqual(service.handlers, 0, "handlers that are kept after the connection")
    if fedBytes >= Self.prefaceBytes, socket.output.first == 0 {
      try HTTP2OutputCheck.check(socket.output)
    }
  }

  private func check() throws {
    if let violation = service.violation { throw FuzzViolation(description: violation) }
    try demand(!socket.hasLateOutput, "something was written behind the end of the output")
    try demand(
      socket.mostPendingBytes <= Self.maximumPendingBytes,
      "\(socket.mostPendingBytes) bytes wait for the peer")
  }
}
