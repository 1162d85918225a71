import GRPCTransport
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import TestSupport
import Testing

extension SocketTests {
  /// What the server says to peers that break the rules, and that nobody else suffers.
  @Suite struct ProtocolViolationTests {
    private func withPeer(_ body: (TestService, RawPeer) async throws -> Void) async throws {
      try await withHarness { harness in
        let peer = try await RawPeer.connect(to: harness.address)
        try await body(harness.service, peer)
        try await peer.close()
        let response = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
        #expect(response.message == text("x"))
      }
    }

    private func firstEnd(_ peer: RawPeer) async throws -> HPACKHeaders {
      try await eventually("an answer") { !peer.trailers.isEmpty }
      return peer.trailers[0]
    }

    @Test func wrongMethodIs405() async throws {
      try await withPeer { _, peer in
        try await peer.sendRequest(path: "/test.Test/Unary", method: "GET", endStream: true)
        let end = try await firstEnd(peer)
        #expect(end.first(name: ":status") == "405")
        #expect(end.first(name: "allow") == "POST")
      }
    }

    @Test(arguments: [nil, "application/json", "application/grpc-web+proto"])
    func wrongContentTypeIs415(contentType: String?) async throws {
      try await withPeer { service, peer in
        try await peer.sendRequest(
          path: "/test.Test/Unary", contentType: contentType, endStream: true)
        let end = try await firstEnd(peer)
        #expect(end.first(name: ":status") == "415")
        #expect(service.log.now.opened == 0)
      }
    }

    @Test func unknownEncodingNamesTheKnownOnes() async throws {
      try await withPeer { _, peer in
        try await peer.sendRequest(path: "/test.Test/Unary", extra: [("grpc-encoding", "zstd")])
        let end = try await firstEnd(peer)
        #expect(end.first(name: ":status") == "200")
        #expect(end.first(name: "grpc-status") == "12")
        #expect(end.first(name: "grpc-accept-encoding") == "identity,gzip")
        #expect(end.first(name: "grpc-message")?.contains("zstd") == true)
      }
    }

    @Test(arguments: [
      (ByteBuffer(bytes: [1, 0, 0, 0, 1, 65]), "compressed flag without encoding"),
      (ByteBuffer(bytes: [7, 0, 0, 0, 1, 65]), "unknown flag"),
      (ByteBuffer(bytes: [0, 0, 0, 0, 9, 65]), "end within a message"),
    ])
    func brokenMessagesAreInternal(body: ByteBuffer, what: String) async throws {
      try await withPeer { service, peer in
        try await peer.sendRequest(path: "/test.Test/Unary", body: body, endStream: true)
        let end = try await firstEnd(peer)
        #expect(end.first(name: "grpc-status") == "13", "\(what)")
        #expect(service.log.now.cancelled.map(\.code) == [.internalError])
      }
    }

    @Test func http1IsToldInItsOwnLanguage() async throws {
      try await withHarness { harness in
        let answer = try await exchange(
          harness.address, sending: text("GET / HTTP/1.1\r\nhost: x\r\n\r\n"))
        #expect(answer.hasPrefix("HTTP/1.1 400 "))
        #expect(answer.contains("gRPC"))
        _ = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
      }
    }

    @Test func garbageClosesOnlyItsConnection() async throws {
      var random = SeededGenerator(seed: testSeed("garbage"))
      let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
      try await withHarness { harness in
        let chat = harness.client.bidirectional(path: "/test.Test/Bidi")
        var replies = chat.messages.makeAsyncIterator()
        for round in 0..<20 {
          var bytes = text(round % 2 == 0 ? preface : "")
          bytes.writeBytes(
            (0..<Int.random(in: 1...400, using: &random)).map { _ in
              UInt8.random(in: 0...255, using: &random)
            })
          _ = try await exchange(harness.address, sending: bytes, halfClose: true)
          chat.send(text("\(round)"))
          #expect(try await replies.next() == text("\(round)"))
        }
      }
    }

    @Test func silentAndHalfOpenPeersAreClosed() async throws {
      try await withHarness(server: { $0.handshakeTimeout = .milliseconds(100) }) { harness in
        for start in ["", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\u{6}\u{4}"] {
          // Answers only because the server closes.
          _ = try await exchange(harness.address, sending: text(start))
        }
        _ = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
      }
    }

    /// A client that opens and resets without end loses its connection; others notice nothing.
    @Test func rapidResetHarmsNobodyElse() async throws {
      try await withHarness { harness in
        let peer = try await RawPeer.connect(to: harness.address)
        for _ in 0..<500 where !peer.isClosed {
          let stream = try await peer.sendRequest(path: "/test.Test/Never")
          try? await stream.close()
        }
        try await eventually("every call that was opened is over") {
          harness.service.log.now.opened == harness.service.log.now.cancelled.count
        }
        let response = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
        #expect(response.message == text("x"))
        try await peer.close()
      }
    }

    /// Sends bytes over a fresh connection and answers what comes back until the server closes.
    private func exchange(
      _ address: GRPCAddress, sending bytes: ByteBuffer, halfClose: Bool = false
    ) async throws -> String {
      guard case .tcp(let host, let port) = address else { return "" }
      let channel = try await ClientBootstrap(group: testGroup)
        .channelOption(.allowRemoteHalfClosure, value: false)
        .connect(host: host, port: port) { channel in
          channel.eventLoop.makeCompletedFuture {
            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
              wrappingChannelSynchronously: channel,
              configuration: .init(isOutboundHalfClosureEnabled: halfClose))
          }
        }
      return try await channel.executeThenClose { inbound, outbound in
        var answer = ByteBuffer()
        try? await outbound.write(bytes)
        if halfClose { outbound.finish() }
        do {
          for try await part in inbound { answer.writeImmutableBuffer(part) }
        } catch {
          // The server may reset the connection of a peer that sends nonsense.
        }
        return String(buffer: answer)
      }
    }
  }
}
