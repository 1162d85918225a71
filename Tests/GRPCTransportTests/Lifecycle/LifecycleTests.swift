import GRPCTransport
import NIOCore
import TestSupport
import Testing

extension SocketTests {
  @Suite struct LifecycleTests {
    @Test func shutdownLetsCallsFinishAndTakesNoNewOnes() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service)
      let client = LoopClient(address)
      let call = try await client.open("Bidi") { $0.send(text("before")) }
      try await eventually("the call is up") { call.recorder.now.messages.count == 1 }

      async let shutdown: Void = server.shutdown(grace: .seconds(20))
      let start = ContinuousClock.now
      // The connection is told at once: the client gives it up for new calls, and nobody listens.
      try await eventually("the client has seen it") {
        try await client.runConnection { $0.connectivity } != .ready
      }
      let late = try await client.open("Unary") {
        $0.send(text("late"))
        $0.sendEnd()
      }
      #expect(try await late.recorder.status().code == .unavailable)

      try await call.run {
        $0.send(text("after"))
        $0.sendEnd()
      }
      #expect(try await call.recorder.status() == .ok)
      #expect(call.recorder.now.messages == [text("before"), text("after")])
      await shutdown
      #expect(ContinuousClock.now - start < .seconds(15), "it must not wait for the whole grace")
      #expect(service.log.now.opened == 1)
      try await client.close()
    }

    @Test func shutdownEndsWhatOutlastsTheGrace() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service)
      let client = LoopClient(address)
      let call = try await client.open("Never") { $0.send(text("x")) }
      try await eventually("the call is up") { service.log.now.receivedBytes == 1 }
      await server.shutdown(grace: .milliseconds(100))
      #expect(try await call.recorder.status().code == .unavailable)
      #expect(service.log.now.cancelled.map(\.code) == [.unavailable])
      try await client.close()
    }

    @Test func lostConnectionEndsEveryStreamAndComesBack() async throws {
      let service = TestService()
      let (first, address) = try await startServer(service)
      let client = LoopClient(address)
      var calls: [OpenCall] = []
      for _ in 0..<20 { calls.append(try await client.open("Never") { $0.send(text("x")) }) }
      try await eventually("the calls are up") { service.log.now.receivedBytes == 20 }
      await first.shutdown(grace: .zero)
      for call in calls {
        #expect(try await call.recorder.status().code == .unavailable)
        #expect(call.recorder.now.ends.count == 1)
      }

      // Nobody listens: calls fail, unless they wait.
      try await eventually("the client has noticed") {
        try await client.runConnection { $0.connectivity } == .transientFailure
      }
      let waiting = try await client.open("Unary", waitForReady: true) {
        $0.send(text("patience"))
        $0.sendEnd()
      }
      let (second, _) = try await startServer(service, at: address)
      #expect(try await waiting.recorder.status() == .ok)
      #expect(waiting.recorder.now.messages == [text("patience")])
      let after = try await client.open("Unary") {
        $0.send(text("again"))
        $0.sendEnd()
      }
      #expect(try await after.recorder.status() == .ok)
      try await client.close()
      await second.shutdown(grace: .zero)
    }

    @Test func withoutServerCallsFailWithTheReason() async throws {
      let client = LoopClient(.tcp(host: "127.0.0.1", port: try freePort()))
      let call = try await client.open("Unary")
      let status = try await call.recorder.status()
      #expect(status.code == .unavailable)
      #expect(status.message.contains("127.0.0.1"))
      #expect(status.message.lowercased().contains("refused"))
      try await client.close()
      let afterClose = try await client.open("Unary", waitForReady: true)
      #expect(try await afterClose.recorder.status().code == .unavailable)
    }

    @Test func connectingReportsFailure() async throws {
      let target = GRPCAddress.tcp(host: "127.0.0.1", port: try freePort())
      await #expect {
        try await GRPCAsyncClient.connect(target: target, group: testGroup, logger: quietLogger)
      } throws: { error in
        (error as? GRPCStatus)?.code == .unavailable
      }
    }

    /// A server's stream limit is obeyed; further calls wait for their turn, up to a bound.
    @Test func callsBeyondTheServersLimitWait() async throws {
      try await withHarness(server: { $0.maximumConcurrentStreams = 3 }) { harness in
        let client = LoopClient(harness.address) { $0.maximumQueuedCalls = 2 }
        var calls: [OpenCall] = []
        for index in 0..<3 {
          calls.append(try await client.open("Bidi") { $0.send(text("\(index)")) })
          try await eventually("call \(index) is up") {
            calls[index].recorder.now.messages.count == 1
          }
        }
        let fourth = try await client.open("Bidi") { $0.send(text("3")) }
        let fifth = try await client.open("Bidi") { $0.send(text("4")) }
        let sixth = try await client.open("Bidi")
        #expect(try await sixth.recorder.status().code == .resourceExhausted)
        #expect(harness.service.log.now.opened == 3)

        // A waiting call that is cancelled makes room in the queue; one that ends lets the next one
        // in.
        try await fourth.run { $0.cancel() }
        #expect(try await fourth.recorder.status().code == .cancelled)
        let seventh = try await client.open("Bidi") { $0.send(text("6")) }
        try await calls[0].run { $0.sendEnd() }
        try await eventually("the fifth is up") { fifth.recorder.now.messages.count == 1 }
        try await calls[1].run { $0.sendEnd() }
        try await eventually("the seventh is up") { seventh.recorder.now.messages.count == 1 }
        try await client.close()
      }
    }

    @Test func messagesHeldBeforeTheConnectionAreBounded() async throws {
      let client = LoopClient(.tcp(host: "127.0.0.1", port: try freePort())) {
        $0.maximumHeldBytes = 1000
      }
      let call = try await client.open("Bidi", waitForReady: true) {
        $0.send(ByteBuffer(repeating: 0, count: 1000))
      }
      #expect(call.recorder.now.ends.isEmpty)
      try await call.run { $0.send(text("x")) }
      #expect(try await call.recorder.status().code == .resourceExhausted)
      try await client.close()
    }

    @Test func stateChangesAreTold() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service)
      let client = LoopClient(address)
      let states = StateLog()
      try await client.runConnection { connection in
        connection.onStateChange = { states.append($0) }
        connection.connect { _ in }
      }
      try await eventually("ready") { states.all == [.connecting, .ready] }
      await server.shutdown(grace: .zero)
      try await eventually("lost") { states.all.contains(.transientFailure) }
      try await client.close()
      #expect(states.all.last == .shutdown)
    }

    @Test func idleConnectionIsClosed() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service) {
        $0.connectionIdleTimeout = .milliseconds(150)
      }
      let client = LoopClient(address)
      let states = StateLog()
      try await client.runConnection { connection in
        connection.onStateChange = { states.append($0) }
        connection.connect { _ in }
      }
      try await eventually("the idle connection is closed") { states.all.count > 2 }
      try await client.close()
      await server.shutdown(grace: .zero)
    }

    @Test func aVanishedPeerIsNoticedByKeepalive() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service) {
        $0.keepalive = GRPCKeepalive(interval: .milliseconds(300), timeout: .seconds(2))
      }
      // Our own client answers pings and stays.
      let client = LoopClient(address)
      let call = try await client.open("Never") { $0.send(text("x")) }
      let mute = try await MutePeer.connect(to: address)
      try await eventually("the mute peer is closed") { !mute.isActive }
      #expect(call.recorder.now.ends.isEmpty)
      try await client.close()
      await server.shutdown(grace: .zero)
    }
  }
}
