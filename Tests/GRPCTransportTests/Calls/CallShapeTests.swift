import GRPCTransport
import NIOCore
import NIOHPACK
import TestSupport
import Testing

extension SocketTests {
  @Suite struct CallShapeTests {
    enum Listening: String, CaseIterable {
      case tcp, unixDomainSocket
    }

    /// All four call shapes over both kinds of socket.
    @Test(arguments: Listening.allCases)
    func allShapes(listening: Listening) async throws {
      let folder = try TemporaryDirectory()
      let address =
        switch listening {
        case .tcp: anyLocalPort
        case .unixDomainSocket: GRPCAddress.unixDomainSocket(path: "\(folder.path)/grpc")
        }
      try await withHarness(at: address) { try await callAllShapes($0.client) }
      withExtendedLifetime(folder) {}
    }

    @Test func allShapesWithinTheProcess() async throws {
      try await withPair(over: .inProcess) { try await callAllShapes($0.client) }
    }

    private func callAllShapes(_ client: GRPCAsyncClient) async throws {
      let unary = try await client.unary(path: "/test.Test/Unary", message: text("hello"))
      #expect(unary.message == text("hello"))

      var sizes: [Int] = []
      for try await message in client.serverStream(
        path: "/test.Test/ServerStream", message: text("300 1000"))
      {
        sizes.append(message.readableBytes)
      }
      #expect(sizes == Array(repeating: 1000, count: 300))

      let upload = client.bidirectional(path: "/test.Test/ClientStream")
      for _ in 0..<50 { upload.send(text("x")) }
      upload.finishSending()
      var answers: [ByteBuffer] = []
      for try await message in upload.messages { answers.append(message) }
      #expect(answers == [text("50")])

      let chat = client.bidirectional(path: "/test.Test/Bidi")
      var replies = chat.messages.makeAsyncIterator()
      for turn in 0..<20 {
        chat.send(text("turn \(turn)"))
        #expect(try await replies.next() == text("turn \(turn)"))
      }
      chat.finishSending()
      #expect(try await replies.next() == nil)
    }

    @Test(arguments: Transport.allCases)
    func emptyMessageIsAMessage(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let response = try await harness.client.unary(
          path: "/test.Test/Unary", message: ByteBuffer())
        #expect(response.message.readableBytes == 0)
      }
    }

    @Test(arguments: Transport.allCases)
    func failureCarriesMessageAndTrailers(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let result = await harness.client.unaryResult(
          path: "/test.Test/Fail", message: ByteBuffer())
        guard case .failure(let error) = result else {
          Issue.record("the call succeeded")
          return
        }
        #expect(error.status == GRPCStatus(.failedPrecondition, "50% – nein\n"))
        #expect(error.trailers["x-detail"] == "42")
        #expect(error.trailers["grpc-status-details-bin"] == "AAEC")
      }
    }

    @Test(arguments: Transport.allCases)
    func metadataGoesBothWays(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        var metadata = GRPCMetadata()
        metadata.add("x-one", "1")
        metadata.add("x-data-bin", "AAECAw==")
        metadata.add("x-one", "2")
        let response = try await harness.client.unary(
          path: "/test.Test/Metadata", metadata: metadata, message: ByteBuffer())
        for received in [response.headers, response.trailers] {
          #expect(received.headers["x-one"] == ["1", "2"])
          #expect(received["x-data-bin"] == "AAECAw==")
        }
        let seen = try #require(harness.service.log.now.requestMetadata)
        #expect(seen[":path"] == nil)
      }
    }

    @Test(arguments: Transport.allCases)
    func unknownMethodIsNamed(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        await #expect(throws: GRPCStatus(.unimplemented, "unknown method /x/y")) {
          try await harness.client.unary(path: "/x/y", message: ByteBuffer())
        }
      }
    }

    @Test(arguments: Transport.allCases)
    func routerMayAnswerByItself(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        await #expect(throws: GRPCStatus(.permissionDenied, "not you")) {
          try await harness.client.unary(
            path: "/test.Test/RefusedByRouter", message: ByteBuffer())
        }
      }
    }

    @Test(arguments: Transport.allCases)
    func unaryWithWrongMessageCountFails(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        for count in [0, 2] {
          await #expect {
            try await harness.client.unary(
              path: "/test.Test/ServerStream", message: text("\(count) 1"))
          } throws: { error in
            (error as? GRPCStatus)?.code == .unimplemented
              && (error as? GRPCStatus)?.message.contains("\(count) messages") == true
          }
        }
      }
    }

    @Test(arguments: Transport.allCases)
    func largeMessagesGoBothWays(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let message = text(String(repeating: "0123456789abcdef", count: 256 * 1024))
        let response = try await harness.client.unary(path: "/test.Test/Unary", message: message)
        #expect(response.message == message)
      }
    }

    @Test(arguments: Transport.allCases)
    func tooLargeARequestIsRefusedWithSizes(over transport: Transport) async throws {
      try await withPair(over: transport, maximumMessageBytes: 1000) { harness in
        for size in [1001, 500_000] {
          await #expect {
            try await harness.client.unary(
              path: "/test.Test/Unary", message: ByteBuffer(repeating: 0, count: size))
          } throws: { error in
            let status = error as? GRPCStatus
            return status?.code == .resourceExhausted
              && status?.message.contains("\(size)") == true
              && status?.message.contains("1000") == true
          }
        }
        // The connection survives.
        let good = try await harness.client.unary(path: "/test.Test/Unary", message: text("still"))
        #expect(good.message == text("still"))
        // Within the process nothing of such a call reaches the service.
        let cancelled: [GRPCStatus.Code] =
          transport == .http2 ? [.resourceExhausted, .resourceExhausted] : []
        #expect(harness.service.log.now.cancelled.map(\.code) == cancelled)
      }
    }

    @Test func tooLargeAResponseIsRefused() async throws {
      try await withHarness(client: { $0.maximumMessageBytes = 1000 }) { harness in
        await #expect {
          try await harness.client.unary(
            path: "/test.Test/Unary", message: ByteBuffer(repeating: 0, count: 2000))
        } throws: { error in
          (error as? GRPCStatus)?.code == .resourceExhausted
        }
      }
    }

    @Test(arguments: Transport.allCases)
    func aThousandStreamsAtOnce(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        let calls = (0..<1000).map { _ in harness.client.bidirectional(path: "/test.Test/Bidi") }
        for (index, call) in calls.enumerated() { call.send(text("a \(index)")) }
        for (index, call) in calls.enumerated() {
          var replies = call.messages.makeAsyncIterator()
          let reply = try await replies.next()
          #expect(reply == text("a \(index)"))
        }
        // All are open at the same time, and each can still end well.
        #expect(harness.service.log.now.opened == 1000)
        for call in calls { call.finishSending() }
        for call in calls {
          var replies = call.messages.makeAsyncIterator()
          let end = try await replies.next()
          #expect(end == nil)
        }
      }
    }

    @Test func gzipGoesBothWays() async throws {
      try await withHarness(client: { $0.compressesRequests = true }) { harness in
        let message = text(String(repeating: "compress me ", count: 10_000))
        let response = try await harness.client.unary(path: "/test.Test/Unary", message: message)
        #expect(response.message == message)
        #expect(response.headers["grpc-encoding"] == "gzip")
        let short = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
        #expect(short.message == text("x"))
      }
    }

    @Test func plainRequestsGetPlainResponses() async throws {
      try await withHarness { harness in
        let response = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
        #expect(response.headers["grpc-encoding"] == nil)
      }
    }

    @Test func aBombIsRefused() async throws {
      try await withHarness(
        server: { $0.maximumMessageBytes = 100_000 }, client: { $0.compressesRequests = true }
      ) { harness in
        await #expect {
          try await harness.client.unary(
            path: "/test.Test/Unary", message: ByteBuffer(repeating: 0, count: 5_000_000))
        } throws: { error in
          (error as? GRPCStatus)?.code == .resourceExhausted
        }
      }
    }

    /// The server answers before the client has ended its side: the answer counts, and what the
    /// client sends afterwards harms nobody.
    @Test(arguments: Transport.allCases)
    func earlyAnswerToAStream(over transport: Transport) async throws {
      try await withPair(over: transport) { harness in
        for _ in 0..<50 {
          let call = harness.client.bidirectional(path: "/test.Test/Early")
          call.send(text("first"))
          var replies = call.messages.makeAsyncIterator()
          #expect(try await replies.next() == nil)
          call.send(text("too late"))
        }
        let response = try await harness.client.unary(path: "/test.Test/Unary", message: text("x"))
        #expect(response.message == text("x"))
      }
    }
  }
}
