import GRPCTransport
import NIOCore
import NIOHPACK
import NIOHTTP2
import TestSupport
import Testing

extension SocketTests {
  /// What clients hear that take too much.
  @Suite struct LimitTests {
    private static let hello = RawFrames.preface + RawFrames.settings()

    @Test("Connections beyond the limit are told to come later, in what they speak")
    func connections() async throws {
      let (server, address) = try await startServer(
        TestService(), http: TestHTTPRouter(), adjust: { $0.maximumConnections = 2 })
      let served = [
        try await HTTP1Peer.connect(to: address), try await HTTP1Peer.connect(to: address),
      ]
      for peer in served {
        try await peer.send(httpRequest("GET", "/echo"))
        try await peer.expect("GET /echo")
      }
      let late = try await HTTP1Peer.connect(to: address)
      try await late.send(httpRequest("GET", "/echo"))
      try await late.expect("too many connections")
      #expect(late.received.hasPrefix("HTTP/1.1 503 "))
      #expect(late.received.contains("\r\nretry-after: 1\r\n"))
      try await late.expectClosed()
      let frames = try await HTTP1Peer.connect(to: address)
      try await frames.send(Self.hello)
      try await frames.expect("too many connections")
      // GOAWAY, no stream begun, ENHANCE_YOUR_CALM.
      let goAway: [UInt8] = [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]
      #expect(Array(frames.receivedBuffer.readableBytesView.dropFirst(12).prefix(14)) == goAway)
      try await frames.expectClosed()
      // One that says nothing holds its place of those refused for a short time only.
      let silent = try await HTTP1Peer.connect(to: address)
      try await silent.expectClosed()
      try await served[0].close()
      try await eventually("a free place") {
        let peer = try await HTTP1Peer.connect(to: address)
        try await peer.sendIgnoringEnd(httpRequest("GET", "/echo"))
        try await eventually("an answer") { peer.receivedBytes > 0 }
        try await peer.close()
        return peer.received.hasPrefix("HTTP/1.1 200 ")
      }
      await server.shutdown(grace: .zero)
    }

    @Test("Pings without end get GOAWAY with the word that clients of gRPC know")
    func pings() async throws {
      let (server, address) = try await startServer(TestService())
      let peer = try await HTTP1Peer.connect(to: address)
      try await peer.send(Self.hello)
      for _ in 0..<20 { try await peer.sendIgnoringEnd(String(buffer: RawFrames.ping)) }
      try await peer.expect("too_many_pings")
      try await peer.expectClosed()
      await server.shutdown(grace: .zero)
    }

    @Test("Calls that are opened and cancelled without end cost the connection, not the server")
    func resets() async throws {
      try await withHarness { harness in
        let log = StateLog()
        let client = LoopClient(harness.address)
        try await client.runConnection { $0.onStateChange = log.append }
        let streams = try await client.run { transport in
          let streams = (0..<2500).map { _ in
            transport.openStream(
              path: "/test.Test/Never", metadata: GRPCMetadata(), deadline: nil,
              waitForReady: true, handler: CallRecorder())
          }
          return NIOLoopBound(streams, eventLoop: transport.eventLoop)
        }
        try await eventually("all calls", within: .seconds(60)) {
          harness.service.log.now.opened == 2500
        }
        try await client.run { _ in for stream in streams.value { stream.cancel() } }
        // All at once are no attack: they were opened before.
        try await eventually("the end of all calls", within: .seconds(60)) {
          harness.service.log.now.cancelled.count == 2500
        }
        #expect(log.all.filter { $0 == .ready }.count == 1)
        let peer = try await HTTP1Peer.connect(to: harness.address)
        try await peer.send(Self.hello)
        for number in 0..<5000 where !peer.isClosed {
          let stream = UInt32(2 * number + 1)
          let reset = RawFrames.frame(3, stream: stream, ByteBuffer(integer: UInt32(8)))
          let bytes = try RawFrames.call("/test.Test/Never", stream: stream) + reset
          try await peer.sendIgnoringEnd(Array(bytes.readableBytesView)[...])
        }
        try await peer.expect("too_many_cancelled_calls")
        try await peer.expectClosed()
        #expect(harness.service.log.now.opened < 2500 + 2100)
        _ = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
        try await client.close()
      }
    }

    @Test("A client may ping with each of many calls, as grpc-go does to measure bandwidth")
    func bandwidthPings() async throws {
      try await withHarness { harness in
        let peer = try await HTTP1Peer.connect(to: harness.address)
        try await peer.send(Self.hello + RawFrames.windowUpdate(1 << 30))
        // More than the library lets through in thirty seconds by the settings it had.
        let batches = 21
        let size = 500
        for batch in 0..<batches {
          var frames = ByteBuffer()
          for number in 0..<size {
            let stream = UInt32(2 * (batch * size + number) + 1)
            frames.writeImmutableBuffer(try RawFrames.call("/test.Test/Unary", stream: stream))
            frames.writeImmutableBuffer(RawFrames.ping)
          }
          let before = peer.receivedBytes
          try await peer.send(frames)
          // The answer to a ping alone has 17 bytes.
          try await eventually("answers") { peer.receivedBytes >= before + 17 * size }
        }
        try await eventually("all calls") {
          harness.service.log.now.opened == batches * size || peer.isClosed
        }
        #expect(!peer.isClosed)
      }
    }

    @Test("At its age a connection is asked to finish, and after the grace it is closed")
    func age() async throws {
      let router = TestHTTPRouter()
      try await withHarness(
        http: router,
        server: {
          $0.maximumConnectionAge = .milliseconds(300)
          $0.maximumConnectionAgeGrace = .milliseconds(300)
        }
      ) { harness in
        let client = LoopClient(harness.address)
        let call = try await client.open("Never")
        #expect(try await call.recorder.status().code == .unavailable)
        try await client.close()
        let frames = try await HTTP1Peer.connect(to: harness.address)
        try await frames.send(Self.hello)
        try await frames.send(try RawFrames.call("/test.Test/Never", stream: 1))
        // The data of the PING behind GOAWAY.
        try await frames.expect("goaway")
        #expect(!frames.isClosed)
        try await frames.expectClosed()
        let busy = try await HTTP1Peer.connect(to: harness.address)
        // One request is always half here, so that the end of one finds the next.
        let request = httpRequest("POST", "/echo", body: "12")
        try await busy.send(String(request.dropLast()))
        while !busy.received.contains("connection: close"), !busy.isClosed {
          let seen = busy.receivedBytes
          try await busy.sendIgnoringEnd("2" + String(request.dropLast()))
          try await eventually("an answer") { busy.receivedBytes > seen || busy.isClosed }
        }
        #expect(busy.received.contains("connection: close"))
        try await busy.expectClosed()
        let idle = try await HTTP1Peer.connect(to: harness.address)
        try await idle.send(httpRequest("GET", "/echo"))
        try await idle.expect("GET /echo")
        try await idle.expectClosed()
      }
    }

    @Test("A message that does not come to its end in time ends its call")
    func stalledMessage() async throws {
      try await withHarness(server: { $0.stallTimeout = .milliseconds(100) }) { harness in
        let peer = try await RawPeer.connect(to: harness.address)
        try await peer.sendRequest(
          path: "/test.Test/Bidi", body: ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]))
        try await eventually("an end") { !peer.trailers.isEmpty }
        #expect(peer.trailers[0].first(name: "grpc-status") == "4")
        #expect(harness.service.log.now.cancelled.map(\.code) == [.deadlineExceeded])
        try await peer.close()
        // A call with nothing in the middle may last.
        let chat = harness.client.bidirectional(path: "/test.Test/Bidi")
        var replies = chat.messages.makeAsyncIterator()
        let quiet = try await RawPeer.connect(to: harness.address)
        try await quiet.sendRequest(
          path: "/test.Test/Bidi", body: ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]))
        try await eventually("an end") { !quiet.trailers.isEmpty }
        chat.send(text("still there"))
        #expect(try await replies.next() == text("still there"))
        chat.finishSending()
        try await quiet.close()
      }
    }

    @Test("An answer of which the client takes nothing is dropped, the connection stays")
    func stalledAnswer() async throws {
      try await withHarness(server: { $0.stallTimeout = .milliseconds(100) }) { harness in
        let peer = try await HTTP1Peer.connect(to: harness.address)
        try await peer.send(RawFrames.preface + RawFrames.settings(window: 0))
        try await peer.send(RawFrames.settingsAnswer)
        try await peer.send(try RawFrames.call("/test.Test/Unary", stream: 1))
        // RST_STREAM of stream 1, CANCEL.
        let reset: [UInt8] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]
        try await eventually("a reset") {
          peer.receivedBuffer.readableBytesView.firstRange(of: reset) != nil
        }
        try await peer.send(RawFrames.ping)
        try await peer.expect("pppppppp")
        try await peer.close()
      }
    }

    @Test("A client that leaves too many answers unread loses its connection")
    func unreadAnswers() async throws {
      let router = TestHTTPRouter()
      try await withHarness(http: router, server: { $0.maximumUnreadBytes = 50 << 20 }) { harness in
        func request(_ stream: UInt32) throws -> ByteBuffer {
          try RawFrames.request("GET", "/big", stream: stream)
        }
        let peer = try await HTTP1Peer.connect(to: harness.address)
        try await peer.send(RawFrames.preface + RawFrames.settings(window: 0))
        try await peer.send(RawFrames.settingsAnswer)
        // Of 8 MiB each.
        for number in 0..<20 where !peer.isClosed {
          let bytes = try request(UInt32(2 * number + 1))
          try await peer.sendIgnoringEnd(Array(bytes.readableBytesView)[...])
        }
        try await peer.expect("too_many_unread_answers")
        try await peer.expectClosed()
        #expect(router.now.requests.count == 7)
        // Those that are read do not count.
        for number in 0..<10 {
          let reader = try await RawPeer.connect(to: harness.address)
          try await reader.sendRequest(
            path: "/big", method: "GET", contentType: nil, endStream: true)
          try await eventually("answer \(number)") { reader.data.readableBytes == 8 << 20 }
          try await reader.close()
        }
      }
    }

    @Test("A client that reads nothing is not read from, and loses its connection")
    func stuckReader() async throws {
      try await withHarness(server: { $0.stallTimeout = .seconds(1) }) { harness in
        let peer = try await HTTP1Peer.connect(to: harness.address, autoRead: false)
        try await peer.send(
          RawFrames.preface + RawFrames.settings(window: UInt32(Int32.max))
            + RawFrames.windowUpdate(UInt32(Int32.max) - 65_535))
        try await peer.send(RawFrames.settingsAnswer)
        try await peer.send(try RawFrames.call("/test.Test/Flood", stream: 1))
        // The kernel takes more for a while.
        var seen = (bytes: 0, times: 0)
        try await eventually("a full socket") {
          let sent = harness.service.log.now.sentBytes
          seen = sent == seen.bytes ? (sent, seen.times + 1) : (sent, 0)
          return seen.times > 20 && harness.service.log.now.writability.last == false
        }
        for stream in 1..<100 {
          let call = try RawFrames.call("/test.Test/Unary", stream: UInt32(2 * stream + 1))
          try await peer.sendIgnoringEnd(Array(call.readableBytesView)[...])
        }
        try await eventually("the end") { !harness.service.log.now.cancelled.isEmpty }
        #expect(harness.service.log.now.opened < 100)
        try await peer.close()
        _ = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
      }
    }
  }
}
