import GRPCTransport
import NIOCore
import TestSupport
import Testing

extension SocketTests {
  @Suite struct FlowControlTests {
    /// What may be under way to a reader that does not read: its window, and what the sender's
    /// stream and socket buffer, with room for the kernel's buffers.
    private static let bound = 8 * 1024 * 1024

    /// A server writes as long as it is writable; the client reads nothing, then everything.
    @Test(arguments: Transport.allCases)
    func slowClientStopsTheServer(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let client = harness.loopClient
        let call = try await client.open("Flood") { $0.setReading(false) }
        let log = harness.service.log
        try await eventually("the server is stopped") {
          log.now.writability.last == false || log.now.sentBytes > Self.bound
        }
        let stopped = try await settled { log.now.sentBytes }
        #expect(stopped < Self.bound)
        #expect(call.recorder.now.messages.isEmpty)

        try await call.run { $0.setReading(true) }
        try await eventually("the server goes on") { log.now.sentBytes > stopped + Self.bound }
        #expect(log.now.writability.contains(true))
        try await call.run { $0.cancel() }
      }
    }

    /// The same the other way round.
    @Test(arguments: Transport.allCases)
    func slowServerStopsTheClient(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let client = harness.loopClient
        let call = try await client.open("Paused")
        try await eventually("the call is up") { harness.service.log.now.calls.count == 1 }
        let chunk = ByteBuffer(repeating: 1, count: 16 * 1024)
        let sendAll: @Sendable (any GRPCClientStream) -> Int = { stream in
          var sent = 0
          while stream.isWritable, sent < 4 * Self.bound {
            stream.send(chunk)
            sent += chunk.readableBytes
          }
          return sent
        }
        var sent = 0
        // Until nothing more goes for a while: the window is full, and so are the buffers.
        var idleRounds = 0
        while idleRounds < 40, sent < Self.bound {
          let more = try await call.run(sendAll)
          sent += more
          idleRounds = more == 0 ? idleRounds + 1 : 0
          try await Task.sleep(for: .milliseconds(5))
        }
        #expect(sent >= 1 << 20)
        #expect(sent < Self.bound)
        #expect(call.recorder.now.writability.contains(false))
        #expect(harness.service.log.now.receivedBytes == 0)

        let served = harness.service.log.now.calls[0]
        let total = sent
        try await served.eventLoop.submit { served.value.setReading(true) }.get()
        try await eventually("all of it arrives") {
          harness.service.log.now.receivedBytes == total
        }
        try await eventually("the client may send again") {
          try await call.run { $0.isWritable }
        }
        try await call.run { $0.sendEnd() }
        #expect(try await call.recorder.status() == .ok)
      }
    }

    /// The asynchronous sequence holds a server back, too.
    @Test(arguments: Transport.allCases)
    func unreadSequenceStopsTheServer(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let messages = harness.client.bidirectional(path: "/test.Test/Flood").messages
        let log = harness.service.log
        try await eventually("the server is stopped") { log.now.writability.last == false }
        let stopped = try await settled { log.now.sentBytes }
        #expect(stopped < Self.bound)
        var read = 0
        for try await message in messages {
          read += message.readableBytes
          if read > 2 * stopped + Self.bound { break }
        }
        #expect(read > stopped)
      }
    }

    /// Messages that came before the end are delivered after reading resumes, and the end after
    /// them.
    @Test(arguments: Transport.allCases)
    func endWaitsForTheReader(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let client = harness.loopClient
        let call = try await client.open("ServerStream") {
          $0.setReading(false)
          $0.send(text("100 10"))
          $0.sendEnd()
        }
        try await eventually("the server has answered") {
          harness.service.log.now.receivedBytes == 6
        }
        // One more round trip on the same connection: the answer is here by now.
        let other = try await client.open("Unary") {
          $0.send(text("x"))
          $0.sendEnd()
        }
        #expect(try await other.recorder.status() == .ok)
        #expect(call.recorder.now.messages.isEmpty)
        #expect(call.recorder.now.ends.isEmpty)
        try await call.run { $0.setReading(true) }
        #expect(try await call.recorder.status() == .ok)
        #expect(call.recorder.now.messages.count == 100)
      }
    }

    /// A handler that sends from within a change of writability, which happens inside its own send,
    /// does not get its message between the pieces of another.
    @Test(arguments: Transport.allCases)
    func sendingInsideSendKeepsMessagesWhole(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        var others = 0
        for try await message in harness.client.bidirectional(path: "/test.Test/Chatty").messages {
          let bytes = message.readableBytesView
          if bytes.first == 0x61 {
            #expect(bytes.count == 16 * 1024)
          } else {
            #expect(bytes.count == 20_000)
            others += 1
          }
          #expect(bytes.first == bytes.last)
          if others == 6 { break }
        }
        #expect(others == 6)
      }
    }

    /// A call may be paused between two messages of one frame.
    @Test(arguments: Transport.allCases)
    func pauseWithinAFrame(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let client = harness.loopClient
        let recorder = PausingRecorder()
        let stream = try await client.run { connection in
          let stream = connection.openStream(
            path: "/test.Test/ServerStream", metadata: GRPCMetadata(), deadline: nil,
            waitForReady: false, handler: recorder)
          recorder.stream = stream
          stream.send(text("5 1"))
          stream.sendEnd()
          return NIOLoopBound(stream, eventLoop: connection.eventLoop)
        }
        for expected in 1...5 {
          try await eventually("message \(expected)") {
            try await client.run { _ in recorder.count } == expected
          }
          try await client.run { _ in stream.value.setReading(true) }
        }
        try await eventually("the end") { try await client.run { _ in recorder.isEnded } }
      }
    }
  }
}

/// Stops reading after each message. @unchecked Sendable: used on the connection's loop only.
private final class PausingRecorder: GRPCClientStreamHandler, @unchecked Sendable {
  var stream: (any GRPCClientStream)?
  var count = 0
  var isEnded = false

  func receive(_ message: ByteBuffer) {
    count += 1
    stream?.setReading(false)
  }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    isEnded = true
    stream = nil
  }
}
