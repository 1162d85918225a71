import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import CompatibilityKit

/// What the kit makes of what a node tells of the function inside it.
@Suite struct TapTests {
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  private let loop = MultiThreadedEventLoopGroup.singleton.next()

  private func withTap(_ body: (Interceptor, GRPCAddress) async throws -> Void) async throws {
    let folder = try TemporaryDirectory()
    let address = GRPCAddress.unixDomainSocket(path: "\(folder.path)/tap")
    let kit = Interceptor(.tap(address), logger: logger)
    try await kit.start()
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await body(kit, address)) } catch { outcome = .failure(error) }
    await kit.stop()
    try outcome.get()
  }

  private func next(_ queue: EventQueue<RecordedConnection.Event>) async -> String {
    describe(await queue.next(within: .seconds(20)))
  }

  @Test("Calls are recorded as if they had passed the interceptor")
  func calls() async throws {
    try await withTap { kit, address in
      let tap = TapConnection(to: address, eventLoop: loop, logger: logger)
      let (path, discover) = (EventSourcedMessages.path, "/cloudstate.EntityDiscovery/discover")
      let told: [(UInt64, TapRecord.Event)] = [
        (1, .opened(path: discover)), (2, .opened(path: path)),
        (2, .request(ByteBuffer(string: "abc"))), (1, .finished(GRPCStatus(.internalError, "no"))),
        (2, .requestEnd), (2, .response(ByteBuffer(string: "x"))), (2, .finished(.ok)),
        (3, .opened(path: path)), (3, .cancelled(GRPCStatus(.cancelled, "over"))),
        (4, .opened(path: path)),
      ]
      for (call, event) in told { tap.add(TapRecord(call: call, event: event)) }
      let discovery = try #require(await kit.discoveries.next(within: .seconds(20)))
      #expect(await next(discovery.outgoing) == "the end of the stream with internalError (13): no")
      let second = try #require(await kit.connections.next(within: .seconds(20)))
      #expect(second.path == path)
      #expect(await next(second.incoming) == "a message of 3 bytes")
      #expect(await next(second.incoming) == "the end of the stream")
      #expect(await next(second.outgoing) == "a message of 1 bytes")
      #expect(await next(second.outgoing) == "the end of the stream")
      let third = try #require(await kit.connections.next(within: .seconds(20)))
      for queue in [third.incoming, third.outgoing] {
        #expect(await next(queue) == "the end of the stream with cancelled (1): over")
      }
      // A node that is gone tells of no end.
      let fourth = try #require(await kit.connections.next(within: .seconds(20)))
      tap.close()
      #expect(await next(fourth.outgoing).hasPrefix("the end of the stream with"))
    }
  }

  @Test(
    "What cannot be read, or tells of an unknown call, ends the tap",
    arguments: [
      ByteBuffer(string: "nonsense"), TapRecord(call: 9, event: .requestEnd).encoded,
    ])
  func nonsense(message: ByteBuffer) async throws {
    try await withTap { kit, address in
      let client = try await GRPCAsyncClient.connect(
        target: address, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
      await #expect {
        try await client.unary(path: TapConnection.path, message: message)
      } throws: { error in
        (error as? GRPCStatus)?.code == .invalidArgument
      }
      await client.close()
    }
  }
}
