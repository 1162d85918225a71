import GRPCTransport
import NIOCore
import NIOHPACK
import NIOHTTP2
import TestSupport
import Testing

extension SocketTests {
  /// Plain requests on streams of HTTP/2, beside gRPC calls on the same connection.
  @Suite struct PlainHTTP2Tests {
    private func withPeer(
      server adjust: (inout GRPCServerConfiguration) -> Void = { _ in },
      _ body: (RawPeer, TestHTTPRouter) async throws -> Void
    ) async throws {
      let router = TestHTTPRouter()
      try await withHarness(http: router, server: adjust) { harness in
        let peer = try await RawPeer.connect(to: harness.address)
        try await body(peer, router)
        try await peer.close()
        let response = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
        #expect(response.message == text("x"))
      }
    }

    private func answer(_ peer: RawPeer, _ index: Int = 0) async throws -> HPACKHeaders {
      try await eventually("an answer") { peer.headers.count > index }
      return peer.headers[index]
    }

    @Test("Requests that are no gRPC are answered by the router, gRPC goes on")
    func echo() async throws {
      try await withPeer { peer, router in
        try await peer.sendRequest(
          path: "/echo?a=b", contentType: "application/json", extra: [("x-color", "red")],
          body: text("hello"), endStream: true)
        let headers = try await answer(peer)
        #expect(headers.first(name: ":status") == "200")
        #expect(headers.first(name: "content-type") == "text/plain")
        #expect(headers.first(name: "x-echo") == "red")
        #expect(headers.first(name: "connection") == nil)
        try await eventually("the body") { peer.data == text("POST /echo?a=b hello") }
        #expect(
          router.now.requests[0].headers.headers.map(\.name) == ["content-type", "x-color"])
        try await peer.sendRequest(path: "/get", method: "GET", contentType: nil, endStream: true)
        try await eventually("the body") { peer.data == text("POST /echo?a=b helloGET /get ") }
        try await peer.sendRequest(
          path: "/test.Test/Unary", body: ByteBuffer(bytes: [0, 0, 0, 0, 1, 65]), endStream: true)
        try await eventually("gRPC") {
          peer.trailers.contains { $0.first(name: "grpc-status") == "0" }
        }
      }
    }

    @Test("Streams, and streams that are broken off")
    func streams() async throws {
      try await withPeer { peer, _ in
        try await peer.sendRequest(
          path: "/stream", method: "GET", contentType: nil, endStream: true)
        try await eventually("the body") { peer.data == text("onetwo") }
        let broken = try await peer.sendRequest(
          path: "/abort", method: "GET", contentType: nil, endStream: true)
        try await eventually("the end of the stream") { !broken.isActive }
        #expect(!peer.isClosed)
      }
    }

    @Test("Too large bodies are refused, announced or not; so is what only begins like gRPC")
    func refusals() async throws {
      try await withPeer(server: { $0.maximumMessageBytes = 100 }) { peer, router in
        try await peer.sendRequest(
          path: "/a", contentType: "application/json", extra: [("content-length", "200")])
        #expect(try await answer(peer, 0).first(name: ":status") == "413")
        try await peer.sendRequest(
          path: "/a", contentType: "application/json",
          body: ByteBuffer(repeating: 0x20, count: 101))
        #expect(try await answer(peer, 1).first(name: ":status") == "413")
        try await peer.sendRequest(
          path: "/a", contentType: "application/grpc-webs", body: text("a"), endStream: true)
        #expect(try await answer(peer, 2).first(name: ":status") == "415")
        #expect(router.now.requests.isEmpty)
      }
    }

    @Test("An answer without content has no length")
    func empty() async throws {
      try await withPeer { peer, _ in
        try await peer.sendRequest(
          path: "/empty", method: "GET", contentType: nil, endStream: true)
        let headers = try await answer(peer)
        #expect(headers.first(name: ":status") == "204")
        #expect(headers.first(name: "content-length") == nil)
      }
    }

    @Test("A body that stops coming is answered 408")
    func slowBody() async throws {
      try await withPeer(server: { $0.stallTimeout = .milliseconds(100) }) { peer, _ in
        try await peer.sendRequest(path: "/a", contentType: "application/json", body: text("a"))
        #expect(try await answer(peer).first(name: ":status") == "408")
      }
    }

    @Test("A reset, or the end of the connection, cancels what was asked for")
    func cancelled() async throws {
      try await withPeer { peer, router in
        let stream = try await peer.sendRequest(
          path: "/never", method: "GET", contentType: nil, endStream: true)
        try await eventually("the request") { router.now.requests.count == 1 }
        try? await stream.close()
        try await eventually("the end") { router.now.cancelled == 1 }
        try await peer.sendRequest(path: "/never", method: "GET", contentType: nil, endStream: true)
        try await eventually("the request") { router.now.requests.count == 2 }
        try await peer.close()
        try await eventually("the end") { router.now.cancelled == 2 }
      }
    }

    @Test("A client that gives no window bounds what is kept for it")
    func backPressure() async throws {
      try await withPeer { peer, router in
        let stream = try await peer.sendRequest(
          path: "/flood", method: "GET", contentType: nil, endStream: true)
        try await stream.setOption(.autoRead, value: false).get()
        try await eventually("the flood stands still") { router.now.stalls > 0 }
        #expect(router.now.sentBytes < 4 << 20)
        #expect(router.now.interruptions == 0)
      }
    }
  }
}
