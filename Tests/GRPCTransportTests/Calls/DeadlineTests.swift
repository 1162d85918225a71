import GRPCTransport
import NIOCore
import NIOHPACK
import TestSupport
import Testing

extension SocketTests {
  @Suite struct DeadlineTests {
    @Test(arguments: Transport.allCases)
    func clientGivesUpAndTellsTheServer(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let start = ContinuousClock.now
        await #expect {
          try await harness.client.unary(
            path: "/test.Test/Never", message: text("x"), timeout: .milliseconds(300))
        } throws: { error in
          (error as? GRPCStatus)?.code == .deadlineExceeded
        }
        #expect(ContinuousClock.now - start < .seconds(5))
        try await eventually("the server hears of it") {
          harness.service.log.now.cancelled.count == 1
        }
        #expect(harness.service.log.now.deadlines.allSatisfy { $0 != nil })
      }
    }

    /// The raw peer sends a timeout and does nothing itself: the server must answer in time.
    @Test func serverEnforcesTheDeadline() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service)
      let peer = try await RawPeer.connect(to: address)
      try await peer.sendRequest(path: "/test.Test/Never", extra: [("grpc-timeout", "50m")])
      try await eventually("the server answers") { !peer.trailers.isEmpty }
      #expect(peer.trailers.first?.first(name: "grpc-status") == "4")
      #expect(service.log.now.cancelled.map(\.code) == [.deadlineExceeded])
      try await peer.close()
      await server.shutdown(grace: .zero)
    }

    @Test func malformedTimeoutIsRefused() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service)
      let peer = try await RawPeer.connect(to: address)
      try await peer.sendRequest(path: "/test.Test/Never", extra: [("grpc-timeout", "soon")])
      try await eventually("the server answers") { !peer.trailers.isEmpty }
      #expect(peer.trailers.first?.first(name: "grpc-status") == "13")
      #expect(service.log.now.opened == 0)
      try await peer.close()
      await server.shutdown(grace: .zero)
    }

    @Test func aPassedDeadlineNeedsNoServer() async throws {
      let client = LoopClient(.tcp(host: "127.0.0.1", port: try freePort()))
      let call = try await client.open("Unary", deadline: .now() - .seconds(1), waitForReady: true)
      #expect(try await call.recorder.status().code == .deadlineExceeded)
      try await client.close()
    }

    @Test func waitForReadyEndsAtTheDeadline() async throws {
      let client = LoopClient(.tcp(host: "127.0.0.1", port: try freePort()))
      let call = try await client.open(
        "Unary", deadline: .now() + .milliseconds(100), waitForReady: true)
      #expect(try await call.recorder.status().code == .deadlineExceeded)
      try await client.close()
    }

    @Test(arguments: Transport.allCases)
    func cancellationReachesBothSides(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let client = harness.loopClient
        let call = try await client.open("Never") { $0.send(text("x")) }
        try await eventually("the call arrives") { harness.service.log.now.receivedBytes == 1 }
        let endedInside = try await call.run { [recorder = call.recorder] stream in
          stream.cancel()
          return !recorder.now.ends.isEmpty
        }
        #expect(!endedInside, "the end must not come inside cancel()")
        #expect(try await call.recorder.status().code == .cancelled)
        try await eventually("the server hears of it") {
          harness.service.log.now.cancelled.map(\.code) == [.cancelled]
        }
        try await call.run { $0.cancel() }
        #expect(call.recorder.now.ends.count == 1)
      }
    }

    @Test(arguments: Transport.allCases)
    func cancellingATaskCancelsItsCall(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let task = Task {
          try await harness.client.unary(path: "/test.Test/Never", message: text("x"))
        }
        try await eventually("the call arrives") { harness.service.log.now.receivedBytes == 1 }
        task.cancel()
        await #expect(throws: GRPCStatus(.cancelled, "cancelled by the caller")) {
          try await task.value
        }
        try await eventually("the server hears of it") {
          harness.service.log.now.cancelled.count == 1
        }
      }
    }

    @Test(arguments: Transport.allCases)
    func lettingGoOfTheMessagesCancelsTheCall(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        for try await _ in harness.client.bidirectional(path: "/test.Test/Flood").messages { break }
        try await eventually("the server hears of it") {
          harness.service.log.now.cancelled.map(\.code) == [.cancelled]
        }
      }
    }
  }
}
