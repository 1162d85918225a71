import GRPCTransport
import NIOCore
import TestSupport
import Testing

extension SocketTests {
  /// Plain HTTP/1.1 on the port of gRPC.
  @Suite struct HTTP1Tests {
    private func withPeer(
      server adjust: (inout GRPCServerConfiguration) -> Void = { _ in },
      _ body: (HTTP1Peer, TestHTTPRouter) async throws -> Void
    ) async throws {
      let router = TestHTTPRouter()
      try await withHarness(http: router, server: adjust) { harness in
        let peer = try await HTTP1Peer.connect(to: harness.address)
        try await body(peer, router)
        try await peer.close()
        // Whatever was sent, gRPC goes on beside it.
        let response = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
        #expect(response.message == text("x"))
      }
    }

    @Test("Requests follow each other on one connection, with their headers and bodies")
    func keepAlive() async throws {
      try await withPeer { peer, router in
        try await peer.send(
          httpRequest(
            "POST", "/echo?a=b", headers: ["X-Color: red", "te: trailers"], body: "hello"))
        try await peer.expect("POST /echo?a=b hello")
        #expect(peer.received.hasPrefix("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"))
        #expect(peer.received.contains("x-echo: red\r\n"))
        // What a header cannot carry, and what is the transport's, is left out.
        #expect(!peer.received.contains("upgrade"))
        #expect(!peer.received.contains("x-bad"))
        #expect(router.now.requests[0].headers.headers.map(\.name) == ["host", "x-color"])
        try await peer.send(httpRequest("GET", "/second"))
        try await peer.expect("GET /second ")
        #expect(!peer.isClosed)
      }
    }

    @Test("Pipelined requests are answered in order, also when the first takes longer")
    func pipelined() async throws {
      try await withPeer { peer, _ in
        try await peer.send(
          httpRequest("GET", "/later") + httpRequest("POST", "/1", body: "x")
            + httpRequest("GET", "/stream") + httpRequest("GET", "/2"))
        try await peer.expect("GET /2 ")
        let order = ["later", "POST /1 x", "3\r\none", "two", "GET /2 "].map { part in
          peer.received.firstRange(of: part)?.lowerBound
        }
        #expect(!order.contains(nil))
        #expect(order.compactMap(\.self) == order.compactMap(\.self).sorted())
      }
    }

    @Test("A request may come byte by byte, and its body in chunks")
    func pieces() async throws {
      try await withPeer { peer, _ in
        for character in "POST /p HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n" {
          try await peer.send(String(character))
        }
        try await peer.send("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\ntrailer: t\r\n\r\n")
        try await peer.expect("POST /p abcde")
      }
    }

    @Test("A stream is sent in chunks; one that is broken off lacks the last")
    func streams() async throws {
      try await withPeer { peer, _ in
        try await peer.send(httpRequest("GET", "/stream"))
        try await peer.expect("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        #expect(peer.received.contains("transfer-encoding: chunked"))
        try await peer.send(httpRequest("GET", "/abort"))
        try await peer.expectClosed()
        #expect(peer.received.hasSuffix("3\r\none\r\n"))
      }
    }

    @Test(
      "A client of HTTP/1.0, or one that asks for it, gets its connection closed behind the answer")
    func closing() async throws {
      for request in [
        "GET /stream HTTP/1.0\r\n\r\n",
        "GET /stream HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
        "GET /stream HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
      ] {
        try await withPeer { peer, _ in
          try await peer.send(request)
          try await peer.expectClosed()
          #expect(peer.received.lowercased().contains("connection: close"))
          #expect(peer.received.contains("two"))
          if request.contains("1.0") { #expect(peer.received.hasSuffix("\r\n\r\nonetwo")) }
        }
      }
    }

    @Test("The answer to HEAD has no body")
    func head() async throws {
      try await withPeer { peer, _ in
        try await peer.send(httpRequest("HEAD", "/echo") + httpRequest("GET", "/next"))
        try await peer.expect("GET /next ")
        #expect(peer.received.contains("content-length: 11\r\n"))
        #expect(!peer.received.contains("HEAD /echo"))
      }
    }

    @Test("A client that waits for leave to send its body gets it, or a refusal")
    func expectContinue() async throws {
      try await withPeer(server: { $0.maximumMessageBytes = 1000 }) { peer, _ in
        try await peer.send(
          "POST /e HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        try await peer.expect("HTTP/1.1 100 Continue\r\n\r\n")
        try await peer.send("ok")
        try await peer.expect("POST /e ok")
        try await peer.send(
          "POST /e HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 2000\r\n\r\n")
        try await peer.expect("HTTP/1.1 413 ")
      }
    }

    @Test(
      "What is too large is refused before it is kept, and the client can read why",
      arguments: [
        ("POST /a HTTP/1.1\r\nhost: t\r\ncontent-length: 10000000\r\n\r\n", "413"),
        ("POST /a HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n", "413"),
        ("GET /a HTTP/1.1\r\nhost: t\r\nx: ", "431"), ("GET /", "431"),
        ("POST /a HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n1;", "431"),
      ])
    func tooLarge(start: String, status: String) async throws {
      try await withPeer(server: { $0.maximumMessageBytes = 100_000 }) { peer, router in
        try await peer.send(start)
        let piece = String(repeating: "a", count: 8192)
        let isChunked = start.hasSuffix("chunked\r\n\r\n")
        for _ in 0..<200 where !peer.isClosed && peer.receivedBytes == 0 {
          try await peer.sendIgnoringEnd(isChunked ? "2000\r\n\(piece)\r\n" : piece)
        }
        try await peer.expect("HTTP/1.1 \(status) ")
        try await peer.expectClosed()
        #expect(router.now.requests.isEmpty)
      }
    }

    @Test(
      "What is no HTTP is answered 400 and closed",
      arguments: [
        "GET /a HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "GET\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: t\r\nbad header\r\n\r\n", "BLA /a HTTP/1.1\r\nhost: t\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: t\r\ncontent-length: x\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "GET /a HTTP/1.1\r\nhost: t\r\nx: a\u{0}b\r\n\r\n",
      ])
    func malformed(request: String) async throws {
      try await withPeer { peer, router in
        try await peer.send(request)
        try await peer.expect("HTTP/1.1 400 Bad Request\r\n")
        try await peer.expectClosed()
        #expect(router.now.requests.isEmpty)
      }
    }

    @Test("Requests with random damage, in random pieces, harm only their connection")
    func damaged() async throws {
      let seed = testSeed("damaged")
      var random = SeededGenerator(seed: seed)
      let router = TestHTTPRouter()
      try await withHarness(http: router) { harness in
        let good =
          httpRequest("POST", "/echo?a=b", headers: ["x-color: red"], body: "hello")
          + "POST /p HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        for _ in 0..<60 {
          var bytes = Array(good.utf8)
          for _ in 0..<Int.random(in: 1...6, using: &random) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
            }
          }
          let peer = try await HTTP1Peer.connect(to: harness.address)
          let cut = Int.random(in: 0...bytes.count, using: &random)
          try await peer.sendIgnoringEnd(bytes[..<cut])
          try await peer.sendIgnoringEnd(bytes[cut...])
          try await peer.close()
        }
        let peer = try await HTTP1Peer.connect(to: harness.address)
        try await peer.send(httpRequest("GET", "/still"))
        try await peer.expect("GET /still ")
        try await peer.close()
      }
    }

    @Test("A mistake behind a good request is told behind its answer")
    func malformedSecond() async throws {
      try await withPeer { peer, _ in
        try await peer.send(httpRequest("GET", "/later") + "nonsense\r\n\r\n")
        try await peer.expectClosed()
        let later = try #require(peer.received.firstRange(of: "later"))
        #expect(peer.received[later.upperBound...].contains("HTTP/1.1 400 "))
      }
    }

    @Test(
      "gRPC over HTTP/1.1, and what only begins like it, are told what to do",
      arguments: ["application/grpc", "application/grpc+proto", "application/grpc-webs"])
    func grpc(contentType: String) async throws {
      try await withPeer { peer, router in
        try await peer.send(
          httpRequest(
            "POST", "/test.Test/Unary", headers: ["content-type: \(contentType)"], body: "x"))
        try await peer.expect("HTTP/1.1 415 ")
        try await peer.expect("HTTP/2")
        #expect(router.now.requests.isEmpty)
      }
    }

    @Test("A client that is slow with its headers or its body is answered 408, an idle one closed")
    func timeouts() async throws {
      func configure(_ configuration: inout GRPCServerConfiguration) {
        configuration.handshakeTimeout = .milliseconds(100)
        configuration.stallTimeout = .milliseconds(150)
        configuration.http1IdleTimeout = .milliseconds(200)
      }
      for start in ["GET /a HTT", "POST /a HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\n\r\nab"] {
        try await withPeer(server: configure) { peer, _ in
          try await peer.send(start)
          try await peer.expect("HTTP/1.1 408 ")
          try await peer.expectClosed()
        }
      }
      try await withPeer(server: configure) { peer, _ in
        try await peer.send(httpRequest("GET", "/a"))
        try await peer.expectClosed()
        #expect(peer.received.hasSuffix("GET /a "))
        #expect(!peer.received.contains("408"))
      }
      // How long an answer takes is not the connection's business: it outlives others by far.
      let router = TestHTTPRouter()
      try await withHarness(http: router, server: configure) { harness in
        let patient = try await HTTP1Peer.connect(to: harness.address)
        try await patient.send(httpRequest("GET", "/never"))
        for _ in 0..<3 {
          let idle = try await HTTP1Peer.connect(to: harness.address)
          try await idle.send(httpRequest("GET", "/a"))
          try await idle.expectClosed()
        }
        #expect(!patient.isClosed)
        #expect(router.now.cancelled == 0)
      }
    }

    @Test("A client that goes away cancels what it asked for")
    func cancelled() async throws {
      try await withPeer { peer, router in
        try await peer.send(httpRequest("GET", "/never"))
        try await eventually("the request") { router.now.requests.count == 1 }
        try await peer.close()
        try await eventually("the end") { router.now.cancelled == 1 }
      }
    }

    @Test(
      "A client that reads slowly bounds what is kept for it, and is given up when it reads nothing"
    )
    func slowReader() async throws {
      let router = TestHTTPRouter()
      try await withHarness(http: router, server: { $0.stallTimeout = .milliseconds(300) }) {
        harness in
        let peer = try await HTTP1Peer.connect(to: harness.address, autoRead: false)
        try await peer.send(httpRequest("GET", "/flood"))
        try await eventually("the flood stands still") { router.now.stalls > 0 }
        try await eventually("the end") { router.now.cancelled == 1 }
        // What the kernel's buffers take, and one watermark.
        #expect(router.now.sentBytes < 16 << 20)
        #expect(router.now.interruptions == 0)
        try await peer.close()
      }
    }

    @Test("Nobody is told of the socket's state in the middle of a write of its own")
    func news() async throws {
      let router = TestHTTPRouter()
      try await withHarness(http: router) { harness in
        let peer = try await HTTP1Peer.connect(to: harness.address, autoRead: false)
        try await peer.send(httpRequest("GET", "/flood"))
        try await eventually("the socket is full") { router.now.stalls == 1 }
        // It is empty and full again before long, now with a handler that hears of it.
        try await peer.startReading()
        try await eventually("the socket was empty") {
          router.now.stalls > 1 || peer.receivedBytes > 64 << 20
        }
        try await peer.close()
        #expect(router.now.interruptions == 0)
      }
    }

    @Test("A large answer reaches a client that begins to read late, whole")
    func lateReader() async throws {
      let router = TestHTTPRouter()
      try await withHarness(http: router) { harness in
        let peer = try await HTTP1Peer.connect(to: harness.address, autoRead: false)
        try await peer.send(httpRequest("GET", "/big", headers: ["connection: close"]))
        try await eventually("the request") { router.now.requests.count == 1 }
        try await peer.startReading()
        try await eventually("all of it") { peer.receivedBytes > 8 << 20 && peer.isClosed }
      }
    }

    @Test("A server that stops finishes what was begun and closes idle connections")
    func draining() async throws {
      let router = TestHTTPRouter()
      let (server, address) = try await startServer(TestService(), http: router)
      let idle = try await HTTP1Peer.connect(to: address)
      try await idle.send(httpRequest("GET", "/a"))
      try await idle.expect("GET /a ")
      let busy = try await HTTP1Peer.connect(to: address)
      try await busy.send(
        "POST /b HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\nab")
      try await busy.expect("100 Continue")
      let silent = try await HTTP1Peer.connect(to: address)
      try await silent.send("G")
      async let stopped: Void = server.shutdown(grace: .seconds(10))
      try await idle.expectClosed()
      try await busy.send("cd")
      try await busy.expect("POST /b abcd")
      try await busy.expectClosed()
      #expect(busy.received.contains("connection: close"))
      try await silent.expectClosed()
      await stopped
    }
  }
}
