import GRPCTransport
import NIOCore
import TestSupport
import Testing

/// Time and flow control of gRPC-Web calls.
extension SocketTests.GRPCWebTests {
  @Test("A deadline that passes ends the call and tells the handler, with or without messages")
  func deadline() async throws {
    try await withService { address, log in
      let never = try await call(
        address, "Never", webFrames("x"), headers: ["grpc-timeout: 50m"])
      #expect(never.headers["grpc-status"] == "4")
      #expect(
        try answer(never).trailers == [
          "grpc-status: 4", "grpc-message: the deadline of the call has passed",
        ])
      #expect(log.now.deadlines.last != nil)
      #expect(log.now.cancelled.map(\.code) == [.deadlineExceeded])
      // One that is over in time is left alone.
      let early = try await call(
        address, "Unary", webFrames("x"), headers: ["grpc-timeout: 10S"])
      #expect(try answer(early).trailers == ["grpc-status: 0"])
      #expect(log.now.cancelled.count == 1)
    }
  }

  @Test("Nothing is delivered while the handler does not read")
  func reading() async throws {
    try await withService { address, log in
      let peer = try await HTTP1Peer.connect(to: address)
      try await peer.send(
        httpRequest(
          "POST", "/test.Test/Paused",
          headers: ["content-type: \(Self.binary)", "connection: close"],
          body: String(buffer: webFrames("abc", "de"))))
      try await eventually("the call") { log.now.calls.count == 1 }
      let call = log.now.calls[0]
      #expect(try await settled { log.now.receivedBytes } == 0)
      call.eventLoop.execute { call.value.setReading(true) }
      try await peer.expectClosed()
      #expect(log.now.receivedBytes == 5)
    }
  }

  @Test("A client that reads nothing holds the handler back, and its end cancels the call")
  func backPressure() async throws {
    try await withService { address, log in
      let peer = try await HTTP1Peer.connect(to: address, autoRead: false)
      try await peer.send(
        httpRequest(
          "POST", "/test.Test/Flood", headers: ["content-type: \(Self.text)"],
          body: String(buffer: encoded(webFrames("x"), Self.text))))
      try await eventually("the flood has begun") { log.now.sentBytes > 0 }
      let stopped = try await settled { log.now.sentBytes }
      #expect(stopped < 16 << 20)
      try await peer.close()
      try await eventually("the end") { log.now.cancelled.map(\.code) == [.cancelled] }
    }
  }
}
