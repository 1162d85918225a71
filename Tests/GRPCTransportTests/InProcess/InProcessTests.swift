import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import GRPCTransport

/// What is particular to calls within the process. What they share with calls between processes is tested
/// with those.
@Suite("Calls within the process")
struct InProcessTests {
  private let loop = EmbeddedEventLoop()
  private let service = ScriptedService()

  private func connect(
    adjust: (inout InProcessConfiguration) -> Void = { _ in }
  ) -> InProcessConnection {
    var configuration = InProcessConfiguration()
    adjust(&configuration)
    return InProcessConnection(router: service, eventLoop: loop, configuration: configuration)
  }

  private func open(
    _ connection: InProcessConnection, _ handler: any GRPCClientStreamHandler,
    deadline: NIODeadline? = nil
  ) -> any GRPCClientStream {
    connection.openStream(
      path: "/a/b", metadata: GRPCMetadata(), deadline: deadline, waitForReady: false,
      handler: handler)
  }

  @Test("Nothing is delivered inside a call of either side")
  func noCallbackInsideACall() {
    let log = service.log
    service.onMessage = { call, message in
      call.send(message)
      #expect(log.last == "server got x", "the client heard of it inside send")
      call.finish(.ok)
      #expect(log.last == "server got x")
    }
    let call = open(connect(), LoggingClient(log))
    call.send(text("x"))
    call.sendEnd()
    #expect(log.all.isEmpty)
    loop.run()
    #expect(log.all == ["open", "server got x", "headers", "client got x", "ended ok"])
  }

  @Test("The end of a call comes behind its messages, and requests that wait are dropped")
  func endWhileMessagesAreQueued() {
    service.onMessage = { call, message in
      for number in 1...3 { call.send(text("\(number)")) }
      call.finish(GRPCStatus(.notFound, "gone"))
      call.send(text("late"))
      call.finish(.ok)
    }
    let call = open(connect(), LoggingClient(service.log))
    call.send(text("a"))
    call.send(text("b"))
    call.sendEnd()
    loop.run()
    call.send(text("late"))
    call.sendEnd()
    call.cancel()
    loop.run()
    #expect(
      service.log.all == [
        "open", "server got a", "headers", "client got 1", "client got 2", "client got 3",
        "ended notFound",
      ])
    #expect(!call.isWritable)
  }

  @Test("Cancelling drops what is under way in both directions, and each end hears once")
  func cancelWhileMessagesAreQueued() {
    service.onMessage = { call, message in call.send(message) }
    let call = open(connect(), LoggingClient(service.log))
    call.send(text("a"))
    call.setReading(false)
    loop.run()
    call.send(text("b"))
    call.cancel()
    call.cancel()
    #expect(service.log.last == "headers")
    loop.run()
    call.cancel()
    loop.run()
    #expect(
      service.log.all == [
        "open", "server got a", "headers", "server cancelled cancelled", "ended cancelled",
      ])
  }

  @Test("A call cancelled before the service saw it never reaches it")
  func cancelAtOnce() {
    let call = open(connect(), LoggingClient(service.log))
    call.send(text("a"))
    call.cancel()
    loop.run()
    #expect(service.log.all == ["ended cancelled"])
  }

  @Test("A client may cancel from inside what it receives")
  func cancelInsideReceive() {
    service.onMessage = { call, _ in for number in 1...3 { call.send(text("\(number)")) } }
    let client = LoggingClient(service.log)
    let call = open(connect(), client)
    client.onMessage = { _ in call.cancel() }
    call.send(text("a"))
    loop.run()
    #expect(
      service.log.all == [
        "open", "server got a", "headers", "client got 1", "ended cancelled",
        "server cancelled cancelled",
      ])
    client.onMessage = nil
  }

  @Test("A router may send and finish while it is asked")
  func answerInsideRouter() {
    service.onOpen = { call in
      call.send(text("at once"))
      call.finish(.ok)
    }
    let call = open(connect(), LoggingClient(service.log))
    call.send(text("a"))
    loop.run()
    #expect(service.log.all == ["open", "headers", "client got at once", "ended ok"])
  }

  @Test("An endless conversation neither grows the stack nor keeps the event loop from others")
  func endlessConversation() {
    service.onMessage = { call, message in call.send(message) }
    let client = LoggingClient(service.log)
    client.isSilent = true
    let call = open(connect { $0.turnsPerTick = 100 }, client)
    client.onMessage = { call.send($0) }
    call.send(text("ping"))
    loop.run()
    #expect((1...101).contains(client.received))
    var rounds = 0
    while client.received < 100_000, rounds < 10_000 {
      loop.advanceTime(by: .microseconds(10))
      rounds += 1
    }
    #expect(client.received >= 100_000)
    #expect(rounds >= 900)
    client.onMessage = nil
  }

  @Test("One call with many messages does not hold up another")
  func turns() {
    service.onMessage = { call, message in call.send(message) }
    let connection = connect { $0.messagesPerTurn = 2 }
    let (first, second) = (LoggingClient(service.log), LoggingClient(service.log))
    first.isSilent = true
    let busy = open(connection, first)
    for _ in 0..<10 { busy.send(text("busy")) }
    let other = open(connection, second)
    second.onMessage = { _ in service.log.append("first has \(first.received)") }
    other.send(text("x"))
    loop.run()
    #expect(service.log.all.contains("first has 2"))
    #expect(first.received == 10)
  }

  @Test("A sender that does not heed back-pressure ends the call at the bound")
  func queueBound() {
    service.onOpen = { $0.setReading(false) }
    let connection = connect {
      $0.windowBytes = 1000
      $0.maximumQueuedBytes = 10_000
    }
    let call = open(connection, LoggingClient(service.log))
    loop.run()
    for _ in 0..<9 { call.send(ByteBuffer(repeating: 0, count: 1000)) }
    #expect(!call.isWritable)
    loop.run()
    #expect(service.log.last == "client writable false")
    call.send(ByteBuffer(repeating: 0, count: 1000))
    loop.run()
    #expect(
      service.log.all.suffix(2) == [
        "server cancelled resourceExhausted", "ended resourceExhausted",
      ])
  }

  @Test("Too large a response ends the call")
  func tooLargeAResponse() {
    service.onMessage = { call, _ in
      call.send(ByteBuffer(repeating: 0, count: 1001))
      #expect(!call.isWritable)
    }
    let call = open(connect { $0.maximumMessageBytes = 1000 }, LoggingClient(service.log))
    call.send(text("a"))
    loop.run()
    #expect(service.log.all.contains("ended resourceExhausted"))
    #expect(service.log.all.contains("server cancelled resourceExhausted"))
  }

  @Test("The deadline ends the call for both, whatever waits")
  func deadline() {
    service.onOpen = { $0.setReading(false) }
    let soon = NIODeadline.now() + .milliseconds(20)
    let call = open(connect(), LoggingClient(service.log), deadline: soon)
    call.send(text("a"))
    call.setReading(false)
    loop.run()
    while NIODeadline.now() <= soon {}
    loop.advanceTime(to: soon + .seconds(1))
    loop.run()
    #expect(
      service.log.all == [
        "open", "server cancelled deadlineExceeded", "ended deadlineExceeded",
      ])
  }

  @Test("Closing ends every call for both sides at once, and later calls soon")
  func close() {
    let connection = connect()
    let call = open(connection, LoggingClient(service.log))
    call.send(text("a"))
    loop.run()
    connection.close()
    connection.close()
    #expect(
      service.log.all == [
        "open", "server got a", "server cancelled unavailable", "ended unavailable",
      ])
    let late = open(connection, LoggingClient(service.log))
    late.send(text("b"))
    #expect(service.log.all.count == 4)
    loop.run()
    #expect(service.log.all.count == 5)
    #expect(service.log.last == "ended unavailable")
  }

  @Test("A call that is over is let go by everyone")
  func noLeaks() {
    service.onMessage = { call, message in
      call.send(message)
      call.finish(.ok)
    }
    let connection = connect()
    weak var client: LoggingClient?
    weak var stream: (any GRPCClientStream)?
    do {
      let handler = LoggingClient(service.log)
      let call = open(connection, handler)
      call.send(text("a"))
      (client, stream) = (handler, call)
    }
    loop.run()
    #expect(service.log.last == "ended ok")
    #expect(client == nil)
    #expect(stream == nil)
  }
}

/// What happened, in order. Used on one thread only, but handed to routers, which any thread may use.
private final class EventLog: Sendable {
  private let entries = Mutex<[String]>([])

  var all: [String] { entries.withLock { $0 } }
  var last: String? { all.last }
  func append(_ entry: String) { entries.withLock { $0.append(entry) } }
}

/// A service that does what a test says. @unchecked Sendable: used on the test's thread only.
private final class ScriptedService: GRPCServerRouter, @unchecked Sendable {
  let log = EventLog()
  var onOpen: (any GRPCServerCall) -> Void = { _ in }
  var onMessage: (any GRPCServerCall, ByteBuffer) -> Void = { _, _ in }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    log.append("open")
    onOpen(call)
    return ScriptedHandler(call, service: self)
  }
}

private final class ScriptedHandler: GRPCServerCallHandler {
  private var call: (any GRPCServerCall)?
  private let service: ScriptedService

  init(_ call: any GRPCServerCall, service: ScriptedService) {
    self.call = call
    self.service = service
  }

  func receive(_ message: ByteBuffer) {
    if message.readableBytes < 10 { service.log.append("server got \(String(buffer: message))") }
    if let call { service.onMessage(call, message) }
  }
  func receiveEnd() { service.log.append("server got the end") }
  func writabilityChanged(_ isWritable: Bool) {
    service.log.append("server writable \(isWritable)")
  }
  func cancelled(_ status: GRPCStatus) {
    service.log.append("server cancelled \(status.code)")
    call = nil
  }
}

private final class LoggingClient: GRPCClientStreamHandler {
  private let log: EventLog
  var onMessage: ((ByteBuffer) -> Void)?
  var isSilent = false
  private(set) var received = 0

  init(_ log: EventLog) { self.log = log }

  func receiveHeaders(_ metadata: GRPCMetadata) { if !isSilent { log.append("headers") } }
  func receive(_ message: ByteBuffer) {
    received += 1
    if !isSilent { log.append("client got \(String(buffer: message))") }
    onMessage?(message)
  }
  func writabilityChanged(_ isWritable: Bool) { log.append("client writable \(isWritable)") }
  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) { log.append("ended \(status.code)") }
}
