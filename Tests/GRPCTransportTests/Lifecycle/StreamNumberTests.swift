import NIOCore
import NIOHTTP2
import TestSupport
import Testing

@testable import GRPCTransport

extension SocketTests {
  /// A connection has a number for 2^30 streams, which a busy client uses up within a day.
  @Suite struct StreamNumberTests {
    @Test func usedUpNumbersCostNoCall() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service)
      let client = LoopClient(address) { $0.firstStreamID = .maxID.advanced(by: -6) }
      let long = try await client.open("Bidi") { $0.send(text("first")) }
      for index in 0..<20 {
        let call = try await client.open("Unary", waitForReady: true) {
          $0.send(text("\(index)"))
          $0.sendEnd()
        }
        #expect(try await call.recorder.status() == .ok)
        #expect(call.recorder.now.messages == [text("\(index)")])
      }
      // The call on the connection that takes no more goes on there.
      try await long.run {
        $0.send(text("last"))
        $0.sendEnd()
      }
      #expect(try await long.recorder.status() == .ok)
      #expect(long.recorder.now.messages == [text("first"), text("last")])
      try await client.close()
      await server.shutdown(grace: .seconds(5))
    }

    @Test func manyStreamsInOneTickAllArrive() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service)
      let client = LoopClient(address)
      // More than are flushed at once, opened without a pause and interleaved.
      var calls: [OpenCall] = []
      for index in 0..<100 {
        calls.append(
          try await client.open("Bidi") {
            $0.send(text("a\(index)"))
            $0.send(text("b\(index)"))
          })
      }
      for (index, call) in calls.enumerated() {
        try await call.run {
          $0.send(text("c\(index)"))
          $0.sendEnd()
        }
      }
      for (index, call) in calls.enumerated() {
        #expect(try await call.recorder.status() == .ok)
        #expect(
          call.recorder.now.messages == [text("a\(index)"), text("b\(index)"), text("c\(index)")])
      }
      try await client.close()
      await server.shutdown(grace: .seconds(5))
    }
  }
}
