import GRPCTransport
import Glibc
import NIOCore
import TestSupport
import Testing

/// The Python interpreter with grpcio that the tests use as an independent peer: `CS_PYTHON`.
private let python: String? = getenv("CS_PYTHON").map { String(cString: $0) }

private func peerScript(_ name: String, file: String = #filePath) -> String {
  let calls = file[..<(file.lastIndex(of: "/") ?? file.startIndex)]
  return "\(calls)/../Peers/\(name)"
}

extension SocketTests {
  /// grpcio (C-core) on the other side, as client and as server.
  @Suite(
    .enabled(
      if: python != nil,
      "set CS_PYTHON to a Python interpreter that has grpcio to run these tests"))
  struct PythonPeerTests {
    @Test func pythonClientAgainstOurServer() async throws {
      let service = TestService()
      let (server, address) = try await startServer(service)
      let peer = try TestProcess(
        try #require(python), [peerScript("grpcio_client.py"), address.description])
      try await peer.waitForLine(
        containing: "all checks passed", in: .standardOutput, within: .seconds(60))
      // Cancelled, timed out, too large and answered early: the handlers know.
      let codes = Set(service.log.now.cancelled.map(\.code))
      #expect(codes.isSuperset(of: [.cancelled, .resourceExhausted]))
      await server.shutdown(grace: .seconds(1))
    }

    @Test func ourClientAgainstPythonServer() async throws {
      let peer = try TestProcess(try #require(python), [peerScript("grpcio_server.py")])
      let line = try await peer.waitForLine(
        containing: "listening", in: .standardOutput, within: .seconds(20))
      let ports = line.split(separator: " ").compactMap { Int($0) }
      try #require(ports.count == 2)
      let address = GRPCAddress.tcp(host: "127.0.0.1", port: ports[0])
      let client = try await GRPCAsyncClient.connect(
        target: address, group: testGroup, logger: quietLogger)
      try await shapes(client)
      try await failures(client)
      try await metadata(client)
      try await manyStreams(client)
      await client.close()

      var zipping = GRPCClientConfiguration()
      zipping.compressesRequests = true
      let zipClient = try await GRPCAsyncClient.connect(
        target: .tcp(host: "127.0.0.1", port: ports[1]), group: testGroup, configuration: zipping,
        logger: quietLogger)
      let message = text(String(repeating: "compress me ", count: 10_000))
      let echoed = try await zipClient.unary(path: "/test.Test/Unary", message: message)
      #expect(echoed.message == message)
      #expect(echoed.headers["grpc-encoding"] == "gzip")
      await zipClient.close()
    }

    private func shapes(_ client: GRPCAsyncClient) async throws {
      for size in [0, 1, 70_000, 3 << 20] {
        let message = ByteBuffer(repeating: 7, count: size)
        let response = try await client.unary(path: "/test.Test/Unary", message: message)
        #expect(response.message == message)
      }
      var count = 0
      for try await message in client.serverStream(
        path: "/test.Test/ServerStream", message: text("500 1000"))
      {
        #expect(message.readableBytes == 1000)
        count += 1
      }
      #expect(count == 500)

      let upload = client.bidirectional(path: "/test.Test/ClientStream")
      for _ in 0..<300 { upload.send(text("x")) }
      upload.finishSending()
      var uploadReplies = upload.messages.makeAsyncIterator()
      let counted = try await uploadReplies.next()
      #expect(counted == text("300"))

      // C-core sends its headers only with the first message: waiting for them would hang here.
      let chat = client.bidirectional(path: "/test.Test/Bidi")
      var replies = chat.messages.makeAsyncIterator()
      for turn in 0..<100 {
        chat.send(text("\(turn)"))
        let reply = try await replies.next()
        #expect(reply == text("\(turn)"))
      }
      chat.finishSending()
      let end = try await replies.next()
      #expect(end == nil)
    }

    private func failures(_ client: GRPCAsyncClient) async throws {
      guard
        case .failure(let error) = await client.unaryResult(
          path: "/test.Test/Fail", message: ByteBuffer())
      else {
        Issue.record("the call succeeded")
        return
      }
      #expect(error.status == GRPCStatus(.failedPrecondition, "50% – nein\n"))
      #expect(error.trailers["x-detail"] == "42")
      await #expect {
        try await client.unary(
          path: "/test.Test/Never", message: ByteBuffer(), timeout: .milliseconds(200))
      } throws: { error in
        (error as? GRPCStatus)?.code == .deadlineExceeded
      }
      await #expect {
        try await client.unary(path: "/test.Test/Nothing", message: ByteBuffer())
      } throws: { error in
        (error as? GRPCStatus)?.code == .unimplemented
      }
      for _ in 0..<20 {
        let early = client.bidirectional(path: "/test.Test/Early")
        early.send(text("x"))
        var replies = early.messages.makeAsyncIterator()
        let end = try await replies.next()
        #expect(end == nil)
      }
    }

    private func metadata(_ client: GRPCAsyncClient) async throws {
      var metadata = GRPCMetadata()
      metadata.add("x-text", "a")
      metadata.add("x-data-bin", "AAEC")
      let response = try await client.unary(
        path: "/test.Test/Metadata", metadata: metadata, message: text("x"))
      for received in [response.headers, response.trailers] {
        #expect(received["x-text"] == "a")
        #expect(received["x-data-bin"] == "AAEC")
      }
    }

    /// More than 100: this server advertises no limit, which the HTTP/2 library takes for 100.
    private func manyStreams(_ client: GRPCAsyncClient) async throws {
      let calls = (0..<200).map { _ in client.bidirectional(path: "/test.Test/Bidi") }
      for (index, call) in calls.enumerated() { call.send(text("\(index)")) }
      for (index, call) in calls.enumerated() {
        var replies = call.messages.makeAsyncIterator()
        let reply = try await replies.next()
        #expect(reply == text("\(index)"))
      }
      for call in calls { call.finishSending() }
      for call in calls {
        var replies = call.messages.makeAsyncIterator()
        let end = try await replies.next()
        #expect(end == nil)
      }
    }
  }
}
