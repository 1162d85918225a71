import GRPCTransport
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// What a tap between a client and services in one process hears, and what becomes of it.
@Suite("Taps")
struct TapTests {
  private static let everything: [TapRecord.Event] = [
    .opened(path: "/a/b"), .request(ByteBuffer(string: "x")), .request(ByteBuffer()), .requestEnd,
    .response(ByteBuffer(string: "y")), .cancelled(GRPCStatus(.deadlineExceeded, "late")),
    .finished(.ok), .finished(GRPCStatus(.notFound, "gone")),
  ]

  @Test("A record is read as it was written", arguments: everything)
  func coding(event: TapRecord.Event) {
    let record = TapRecord(call: 1 << 40, event: event)
    #expect(TapRecord(decoding: record.encoded) == record)
    if case .request(let message) = event {
      #expect(record.encoded.readableBytes == message.readableBytes + TapRecord.overheadBytes)
    }
  }

  @Test(
    "What is no record is refused",
    arguments: [
      [], [0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 1, 7],
      [0, 0, 0, 0, 0, 0, 0, 1, 6], [0, 0, 0, 0, 0, 0, 0, 1, 6, 17],
    ] as [[UInt8]])
  func garbage(bytes: [UInt8]) {
    #expect(TapRecord(decoding: ByteBuffer(bytes: bytes)) == nil)
  }

  private func withTappedService(
    _ body: (GRPCAsyncClient, TapLog) async throws -> Void
  ) async throws {
    let log = TapLog()
    let client = GRPCAsyncClient(
      InProcessConnection(
        router: TappedRouter(TestService(), tap: log), eventLoop: testGroup.next()))
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await body(client, log)) } catch { outcome = .failure(error) }
    await client.close()
    try outcome.get()
  }

  @Test("A tap hears both directions of a call, and its end")
  func hears() async throws {
    try await withTappedService { client, log in
      let message = ByteBuffer(string: "x")
      let answer = try await client.unary(path: "/test.Test/Unary", message: message)
      #expect(answer.message == message)
      #expect(
        log.events == [
          .opened(path: "/test.Test/Unary"), .request(message), .requestEnd, .response(message),
          .finished(.ok),
        ])
      _ = try await client.unary(path: "/test.Test/Unary", message: message)
      #expect(Set(log.records.map(\.call)).count == 2)
    }
  }

  @Test("A tap hears of refusals and unknown methods")
  func refusals() async throws {
    try await withTappedService { client, log in
      await #expect(throws: GRPCStatus.self) {
        try await client.unary(path: "/test.Test/RefusedByRouter", message: ByteBuffer())
      }
      await #expect(throws: GRPCStatus(.unimplemented, "unknown method /no/such")) {
        try await client.unary(path: "/no/such", message: ByteBuffer())
      }
      #expect(
        log.events == [
          .opened(path: "/test.Test/RefusedByRouter"),
          .finished(GRPCStatus(.permissionDenied, "not you")), .opened(path: "/no/such"),
          .finished(GRPCStatus(.unimplemented)),
        ])
    }
  }

  @Test("A tap hears of a call that its client gives up")
  func cancelled() async throws {
    try await withTappedService { client, log in
      await #expect(throws: GRPCStatus.self) {
        try await client.unary(
          path: "/test.Test/Never", message: ByteBuffer(), timeout: .milliseconds(50))
      }
      try await eventually("the tap heard of it") {
        guard case .cancelled(let status) = log.events.last else { return false }
        return status.code == .deadlineExceeded
      }
    }
  }

  private func record(_ number: UInt64, bytes: Int = 0) -> TapRecord {
    TapRecord(call: number, event: .request(ByteBuffer(repeating: 0, count: bytes)))
  }

  @Test("Records wait for the server that takes them, and come in order")
  func order() async throws {
    let folder = try TemporaryDirectory()
    let address = GRPCAddress.unixDomainSocket(path: "\(folder.path)/tap")
    let tap = TapConnection(to: address, eventLoop: testGroup.next(), logger: quietLogger)
    for number in 0..<100 { tap.add(record(UInt64(number))) }
    let log = TapLog()
    let server = try await start(log, at: address)
    try await eventually("the records arrive") { log.records.count == 100 }
    for number in 100..<200 { tap.add(record(UInt64(number))) }
    try await eventually("more records arrive") { log.records.count == 200 }
    #expect(log.records.map(\.call) == Array(0..<200))
    tap.close()
    try await eventually("the server hears of the end") { log.ends.count == 1 }
    await server.shutdown(grace: .zero)
  }

  @Test("A server that takes nothing ends the tap")
  func bound() async throws {
    let folder = try TemporaryDirectory()
    let address = GRPCAddress.unixDomainSocket(path: "\(folder.path)/tap")
    let log = TapLog(isReading: false)
    let server = try await start(log, at: address)
    let tap = TapConnection(to: address, eventLoop: testGroup.next(), logger: quietLogger)
    tap.add(record(0))
    try await eventually("the call arrives") { log.opened == 1 }
    for number in 1...30 { tap.add(record(UInt64(number), bytes: 1 << 20)) }
    try await eventually("the tap gives up") { log.ends.map(\.code) == [.cancelled] }
    tap.add(record(31))
    tap.close()
    await server.shutdown(grace: .zero)
    #expect(log.opened == 1)
  }

  private func start(_ log: TapLog, at address: GRPCAddress) async throws -> GRPCServer {
    try await GRPCServer.start(
      configuration: GRPCServerConfiguration(address: address), router: log, group: testGroup,
      logger: quietLogger)
  }
}

/// Keeps what it is told, as a tap or as the server of one.
private final class TapLog: CallTap, GRPCServerRouter {
  private struct Entries {
    var records: [TapRecord] = []
    var ends: [GRPCStatus] = []
    var opened = 0
  }

  private let entries = Mutex(Entries())
  private let isReading: Bool

  init(isReading: Bool = true) { self.isReading = isReading }

  var records: [TapRecord] { entries.withLock { $0.records } }
  var events: [TapRecord.Event] { records.map(\.event) }
  var ends: [GRPCStatus] { entries.withLock { $0.ends } }
  var opened: Int { entries.withLock { $0.opened } }

  func add(_ record: TapRecord) { entries.withLock { $0.records.append(record) } }
  fileprivate func end(_ status: GRPCStatus) { entries.withLock { $0.ends.append(status) } }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    guard call.path == TapConnection.path else { return nil }
    entries.withLock { $0.opened += 1 }
    call.setReading(isReading)
    return TapLogHandler(self)
  }
}

private final class TapLogHandler: GRPCServerCallHandler {
  private let log: TapLog

  init(_ log: TapLog) { self.log = log }

  func receive(_ message: ByteBuffer) {
    if let record = TapRecord(decoding: message) { log.add(record) }
  }
  func receiveEnd() { log.end(.ok) }
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) { log.end(status) }
}
