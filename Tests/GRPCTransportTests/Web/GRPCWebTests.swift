import Gzip
import NIOCore
import NIOHPACK
import TestSupport
import Testing

@testable import GRPCTransport

extension SocketTests {
  /// Calls of gRPC-Web beside gRPC on one port.
  @Suite struct GRPCWebTests {
    static let binary = "application/grpc-web+proto"
    static let text = "application/grpc-web-text+proto"

    func withService(
      maximumMessageBytes: Int = 1 << 20, _ body: (GRPCAddress, ServiceLog) async throws -> Void
    ) async throws {
      let service = TestService()
      let web = GRPCWebRouter(
        calls: service, maximumMessageBytes: maximumMessageBytes, next: TestHTTPRouter())
      try await withHarness(
        service: service, http: web, server: { $0.maximumMessageBytes = maximumMessageBytes }
      ) { harness in
        try await body(harness.address, harness.service.log)
        let response = try await harness.client.unary(
          path: "/test.Test/Unary", message: ByteBuffer(string: "x"))
        #expect(response.message == ByteBuffer(string: "x"))
      }
    }

    /// A call over HTTP/1.1; the server closes behind it.
    func call(
      _ address: GRPCAddress, _ method: String, _ frames: ByteBuffer,
      contentType: String = binary, headers: [String] = [], verb: String = "POST"
    ) async throws -> RawHTTPAnswer {
      let peer = try await HTTP1Peer.connect(to: address)
      let body = encoded(frames, contentType)
      let lines =
        [
          "\(verb) /test.Test/\(method) HTTP/1.1", "host: test", "content-type: \(contentType)",
          "content-length: \(body.readableBytes)", "connection: close",
        ] + headers
      var request = ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n")
      request.writeImmutableBuffer(body)
      try await peer.send(request)
      try await peer.expectClosed()
      return try RawHTTPAnswer(peer.receivedBuffer)
    }

    func encoded(_ frames: ByteBuffer, _ contentType: String) -> ByteBuffer {
      guard contentType.hasPrefix("application/grpc-web-text") else { return frames }
      return ByteBuffer(bytes: Base64.encodePiece([UInt8](buffer: frames)))
    }

    func answer(_ raw: RawHTTPAnswer) throws -> WebAnswer {
      #expect(raw.status == 200)
      let type = try #require(raw.headers["content-type"])
      return try WebAnswer(raw.body, isText: type.hasPrefix("application/grpc-web-text"))
    }

    @Test("Messages and trailers come back in frames, in both forms", arguments: [binary, text])
    func unary(contentType: String) async throws {
      try await withService { address, log in
        let raw = try await call(
          address, "Unary", webFrames("hello"), contentType: contentType,
          headers: ["x-grpc-web: 1", "x-user-agent: grpc-web-javascript/0.1"])
        #expect(raw.headers["content-type"] == contentType)
        // What is over within a turn is not cut into chunks.
        #expect(raw.headers["content-length"] != nil)
        #expect(raw.headers["grpc-status"] == nil)
        let answer = try answer(raw)
        #expect(answer.texts == ["hello"])
        #expect(answer.trailers == ["grpc-status: 0"])
        #expect(log.now.requestMetadata?["x-grpc-web"] == "1")
      }
    }

    @Test("The same over HTTP/2", arguments: [binary, text])
    func http2(contentType: String) async throws {
      try await withService { address, _ in
        let peer = try await RawPeer.connect(to: address)
        try await peer.sendRequest(
          path: "/test.Test/Unary", contentType: contentType,
          body: encoded(webFrames("hello"), contentType), endStream: true)
        try await eventually("an answer") {
          (try? WebAnswer(peer.data, isText: contentType == Self.text))?.trailers != nil
        }
        #expect(peer.headers[0].first(name: ":status") == "200")
        #expect(peer.headers[0].first(name: "content-type") == contentType)
        #expect(try WebAnswer(peer.data, isText: contentType == Self.text).texts == ["hello"])
        try await peer.close()
      }
    }

    @Test("Several messages in one body, also as text in several pieces")
    func manyMessages() async throws {
      try await withService { address, _ in
        let counted = try await call(address, "ClientStream", webFrames("a", "", "ccc"))
        #expect(try answer(counted).texts == ["3"])
        let echoed = try await call(address, "Bidi", webFrames("a", "bb"), contentType: Self.text)
        #expect(try answer(echoed).texts == ["a", "bb"])
        var pieces = ByteBuffer()
        for piece in ["a", "bb", "ccc"] {
          pieces.writeImmutableBuffer(encoded(webFrames(piece), Self.text))
        }
        // As text already, but sent under a binary type it would be refused.
        let peer = try await HTTP1Peer.connect(to: address)
        try await peer.send(
          httpRequest(
            "POST", "/test.Test/Bidi",
            headers: ["content-type: \(Self.text)", "connection: close"],
            body: String(buffer: pieces)))
        try await peer.expectClosed()
        #expect(try answer(RawHTTPAnswer(peer.receivedBuffer)).texts == ["a", "bb", "ccc"])
      }
    }

    @Test("A stream of many messages arrives whole, in chunks")
    func serverStream() async throws {
      try await withService { address, _ in
        for contentType in [Self.binary, Self.text] {
          let raw = try await call(
            address, "ServerStream", webFrames("60 1000"), contentType: contentType)
          #expect(raw.headers["transfer-encoding"] == "chunked")
          let answer = try answer(raw)
          #expect(answer.messages.count == 60)
          #expect(answer.texts[57] == String(repeating: "9", count: 1000))
          #expect(answer.trailers == ["grpc-status: 0"])
        }
      }
    }

    @Test("A failure has its status in the headers and in the trailers, percent-encoded")
    func failure() async throws {
      try await withService { address, _ in
        let raw = try await call(address, "Fail", webFrames("x"), contentType: Self.text)
        #expect(raw.headers["grpc-status"] == "9")
        #expect(raw.headers["grpc-message"] == "50%25 %E2%80%93 nein%0A")
        #expect(raw.headers["x-detail"] == "42")
        let answer = try answer(raw)
        #expect(answer.messages == [])
        #expect(
          answer.trailers == [
            "grpc-status: 9", "grpc-message: 50%25 %E2%80%93 nein%0A", "x-detail: 42",
            "grpc-status-details-bin: AAEC",
          ])
      }
    }

    @Test("Headers and trailers of the handler, also binary ones")
    func metadata() async throws {
      try await withService { address, _ in
        let raw = try await call(
          address, "Metadata", webFrames("x"), headers: ["X-Color: red", "x-raw-bin: AQI"])
        #expect(raw.headers["x-color"] == "red")
        #expect(raw.headers["x-raw-bin"] == "AQI")
        let trailers = try #require(try answer(raw).trailers)
        #expect(trailers.first == "grpc-status: 0")
        #expect(trailers.contains("x-color: red"))
        #expect(trailers.contains("x-raw-bin: AQI"))
      }
    }

    @Test("What the service does not take is answered by a gRPC status")
    func refusals() async throws {
      try await withService { address, _ in
        for (method, status, text) in [
          ("Nope", 12, "unknown method /test.Test/Nope"), ("RefusedByRouter", 7, "not you"),
        ] {
          let raw = try await call(address, method, webFrames("x"))
          #expect(raw.headers["grpc-status"] == "\(status)")
          #expect(
            try answer(raw).trailers == ["grpc-status: \(status)", "grpc-message: \(text)"])
        }
        let verb = try await call(address, "Unary", webFrames("x"), verb: "PUT")
        #expect(verb.status == 405)
        #expect(verb.headers["allow"] == "POST")
      }
    }

    @Test(
      "Bodies and headers that are wrong end the call by a gRPC status",
      arguments: [
        (binary, "x", "", 13, "in the middle of a message"),
        (binary, "\u{2}\0\0\0\0", "", 13, "invalid flag byte 2"),
        (binary, "\0\0\0\0\u{5}abc", "", 13, "in the middle of a message"),
        (binary, "\0\u{7f}\0\0\0", "", 8, "larger than the limit"),
        (binary, "\u{1}\0\0\0\u{1}x", "", 13, "no grpc-encoding was declared"),
        (binary, "\u{1}\0\0\0\u{1}x", "grpc-encoding: gzip", 13, "not valid gzip"),
        (binary, "", "grpc-encoding: zip", 12, "unknown grpc-encoding"),
        (binary, "", "grpc-timeout: soon", 13, "malformed grpc-timeout"),
        (text, "!", "", 13, "the body is not base64"), (text, "QQ=", "", 13, "not base64"),
        (text, "QQ==", "", 13, "in the middle of a message"),
      ])
    func malformed(
      contentType: String, body: String, header: String, status: Int, text: String
    ) async throws {
      try await withService { address, _ in
        let peer = try await HTTP1Peer.connect(to: address)
        try await peer.send(
          httpRequest(
            "POST", "/test.Test/Unary",
            headers: ["content-type: \(contentType)", "connection: close"]
              + (header.isEmpty ? [] : [header]), body: body))
        try await peer.expectClosed()
        let raw = try RawHTTPAnswer(peer.receivedBuffer)
        #expect(raw.headers["grpc-status"] == "\(status)")
        let answer = try answer(raw)
        #expect(answer.trailers?.first == "grpc-status: \(status)")
        #expect(answer.trailers?.dropFirst().first?.contains(text) == true)
      }
    }

    @Test("A body that is too large is a gRPC status, announced or not, over HTTP/1.1 and HTTP/2")
    func tooLarge() async throws {
      try await withService(maximumMessageBytes: 1000) { address, log in
        let largest = String(repeating: "x", count: 1000)
        for contentType in [Self.binary, Self.text] {
          let fits = try await call(
            address, "Unary", webFrames(largest), contentType: contentType)
          #expect(try answer(fits).texts == [largest])
          let raw = try await call(
            address, "Unary", webFrames(largest + "12345"), contentType: contentType)
          #expect(raw.headers["grpc-status"] == "8")
          #expect(try answer(raw).trailers?.first == "grpc-status: 8")
        }
        #expect(log.now.opened == 2)
        let peer = try await RawPeer.connect(to: address)
        try await peer.sendRequest(
          path: "/test.Test/Unary", contentType: Self.text,
          body: ByteBuffer(repeating: 0x51, count: 5000))
        try await eventually("an answer") { peer.headers.count == 1 }
        #expect(peer.headers[0].first(name: ":status") == "200")
        #expect(peer.headers[0].first(name: "grpc-status") == "8")
        try await peer.close()
      }
    }

    @Test("Messages are compressed where the client declares and takes gzip")
    func compression() async throws {
      try await withService { address, _ in
        let long = String(repeating: "compress me ", count: 100)
        let packed = try Gzip.compress(Array(long.utf8))
        var body = ByteBuffer()
        body.writeMultipleIntegers(UInt8(1), UInt32(packed.count))
        body.writeBytes(packed)
        let raw = try await call(
          address, "Unary", body,
          headers: ["grpc-encoding: gzip", "grpc-accept-encoding: identity,gzip"])
        #expect(raw.headers["grpc-encoding"] == "gzip")
        var frame = raw.body
        let prefix = frame.readMultipleIntegers(as: (UInt8, UInt32).self)
        #expect(prefix?.0 == 1)
        let packedReply = frame.readBytes(length: Int(prefix?.1 ?? 0))
        let payload = try #require(packedReply)
        #expect(
          try Gzip.decompress(payload, maximumBytes: 1 << 20) == Array(long.utf8))
        let plain = try await call(
          address, "Unary", body, headers: ["grpc-encoding: gzip"])
        #expect(plain.headers["grpc-encoding"] == nil)
        #expect(try answer(plain).texts == [long])
      }
    }

    @Test("All else goes to the next router")
    func others() async throws {
      try await withService { address, _ in
        let peer = try await HTTP1Peer.connect(to: address)
        try await peer.send(httpRequest("GET", "/a"))
        try await peer.expect("GET /a ")
        try await peer.close()
      }
    }
  }
}
