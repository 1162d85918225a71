import Logging
import NIOCore
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import GRPCTransport

extension SocketTests {
  /// Servers and clients that speak TLS.
  @Suite struct TLSTests {
    /// What a server and its clients need, made once for each test.
    private struct Files {
      let authority: TestAuthority
      let server: TestAuthority.Issued

      init() async throws {
        authority = try await TestAuthority()
        server = try await authority.issueServer()
      }

      func certificates(
        _ authentication: GRPCServerTLS.ClientAuthentication = .off, logger: Logger = quietLogger,
        adjust: (inout GRPCServerTLS) -> Void = { _ in }
      ) throws -> ServerCertificates {
        var settings = GRPCServerTLS(certificateFile: server.certificate, keyFile: server.key)
        settings.clientAuthentication = authentication
        if authentication != .off { settings.clientAuthorityFile = authority.certificate }
        adjust(&settings)
        return try ServerCertificates(settings, logger: logger)
      }

      func client(
        showing issued: TestAuthority.Issued? = nil, serverName: String? = nil
      ) throws -> GRPCClientTLS {
        try GRPCClientTLS(
          authorityFile: authority.certificate, certificateFile: issued?.certificate,
          keyFile: issued?.key, serverName: serverName)
      }

      /// TLS without gRPC.
      func raw(_ protocols: [String], newest: TLSVersion? = nil) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(authority.certificate)
        configuration.applicationProtocols = protocols
        configuration.minimumTLSVersion = .tlsv1
        configuration.maximumTLSVersion = newest
        return try NIOSSLContext(configuration: configuration)
      }
    }

    /// Why a client does not get its connection.
    private func failure(
      _ address: GRPCAddress, _ tls: GRPCClientTLS?
    ) async throws -> String {
      let client = LoopClient(address) { $0.tls = tls }
      let call = try await client.open("Unary") {
        $0.send(text("x"))
        $0.sendEnd()
      }
      let status = try await call.recorder.status()
      try await client.close()
      #expect(status.code == .unavailable)
      return status.message
    }

    @Test("Calls of gRPC go through TLS, and the service knows the client's names")
    func calls() async throws {
      let files = try await Files()
      let ada = try await files.authority.issue(
        "ada", commonName: "Ada", alternativeNames: "URI:spiffe://x/ada")
      let certificates = try files.certificates(.request)
      for (issued, names) in [
        (nil, nil),
        (ada, PeerCertificate(commonName: "Ada", alternativeNames: ["spiffe://x/ada"])),
      ] {
        let tls = try files.client(showing: issued)
        try await withHarness(
          server: { $0.tls = certificates },
          client: {
            $0.tls = tls
            $0.metadata.add("authorization", "Bearer t")
          }
        ) { harness in
          let large = ByteBuffer(repeating: 0x61, count: 3_000_000)
          let response = try await harness.client.unary(path: "/test.Test/Unary", message: large)
          #expect(response.message == large)
          let call = harness.service.log.now.calls[0]
          let peer = try await call.eventLoop.submit { call.value.peer }.get()
          #expect(harness.service.log.now.requestMetadata?["authorization"] == "Bearer t")
          #expect(peer.isEncrypted)
          #expect(peer.certificate == names)
        }
      }
    }

    @Test("ALPN chooses between HTTP/2 and HTTP/1, the first bytes do without it")
    func alpn() async throws {
      let files = try await Files()
      let certificates = try files.certificates()
      let (server, address) = try await startServer(
        TestService(), http: TestHTTPRouter(), adjust: { $0.tls = certificates })
      for protocols in [["http/1.1"], []] {
        let peer = try await HTTP1Peer.connect(to: address, tls: try files.raw(protocols))
        try await peer.send(httpRequest("GET", "/stream"))
        try await peer.expect("two")
        try await peer.close()
      }
      for protocols in [["h2", "http/1.1"], ["h2"], []] {
        let peer = try await HTTP1Peer.connect(to: address, tls: try files.raw(protocols))
        try await peer.send(RawFrames.preface + RawFrames.settings() + RawFrames.ping)
        try await peer.expect("pppppppp")
        try await peer.close()
      }
      // Agreed on one, spoken another.
      let liar = try await HTTP1Peer.connect(to: address, tls: try files.raw(["h2"]))
      try await liar.sendIgnoringEnd(httpRequest("GET", "/stream"))
      try await liar.expectClosed()
      #expect(liar.receivedBytes == 0)
      await server.shutdown(grace: .zero)
    }

    @Test("Plain text gets an answer for people, garbage and silence the end")
    func noTLS() async throws {
      let files = try await Files()
      let certificates = try files.certificates()
      let (server, address) = try await startServer(
        TestService(),
        adjust: {
          $0.tls = certificates
          $0.handshakeTimeout = .milliseconds(200)
        })
      let plain = try await HTTP1Peer.connect(to: address)
      try await plain.send(httpRequest("GET", "/"))
      try await plain.expect("use https://")
      #expect(plain.received.hasPrefix("HTTP/1.1 400 "))
      try await plain.expectClosed()
      for start in ["", "\u{16}", "\u{16}\u{3}\u{1}", "\u{1}\u{2}"] {
        let peer = try await HTTP1Peer.connect(to: address)
        try await peer.sendIgnoringEnd(start)
        try await peer.expectClosed()
      }
      // A handshake without anything behind it.
      let silent = try await HTTP1Peer.connect(to: address, tls: try files.raw(["h2"]))
      try await silent.expectClosed()
      await server.shutdown(grace: .zero)
    }

    @Test("Old versions of TLS are refused")
    func versions() async throws {
      let files = try await Files()
      for (minimum, newest, isServed) in [
        (GRPCServerTLS.Version.tls12, TLSVersion.tlsv11, false), (.tls12, .tlsv12, true),
        (.tls13, .tlsv12, false), (.tls13, .tlsv13, true),
      ] {
        let certificates = try files.certificates { $0.minimumVersion = minimum }
        let (server, address) = try await startServer(
          TestService(), http: TestHTTPRouter(), adjust: { $0.tls = certificates })
        let peer = try await HTTP1Peer.connect(to: address, tls: try files.raw([], newest: newest))
        try await peer.sendIgnoringEnd(httpRequest("GET", "/stream"))
        if isServed { try await peer.expect("two") } else { try await peer.expectClosed() }
        #expect(peer.failures.contains("PROTOCOL_VERSION") == !isServed, "\(minimum) \(newest)")
        try await peer.close()
        await server.shutdown(grace: .zero)
      }
    }

    @Test("A client that is not connected says why, and what to do")
    func failures() async throws {
      let files = try await Files()
      let stranger = try await TestAuthority()
      let plain = try await startServer(TestService())
      let secure = try files.certificates()
      let open = try await startServer(TestService(), adjust: { $0.tls = secure })
      let strict = try files.certificates(.require)
      let closed = try await startServer(TestService(), adjust: { $0.tls = strict })
      let tls = try files.client()
      #expect(try await failure(plain.address, tls).contains("use http://"))
      #expect(try await failure(open.address, nil).contains("use https://"))
      #expect(
        try await failure(open.address, try GRPCClientTLS()).contains("--tls-ca FILE"))
      #expect(
        try await failure(open.address, try files.client(serverName: "other.example"))
          .contains("for another name"))
      #expect(try await failure(closed.address, tls).contains("wants a client certificate"))
      let wrong = try await stranger.issue("w", commonName: "W", alternativeNames: "DNS:w")
      #expect(
        try await failure(closed.address, try files.client(showing: wrong))
          .contains("does not trust the client's certificate"))
      for server in [plain.server, open.server, closed.server] {
        await server.shutdown(grace: .zero)
      }
    }

    @Test("A new certificate is for new connections; open ones go on")
    func reload() async throws {
      let files = try await Files()
      let certificates = try files.certificates()
      certificates.watchFiles(every: .milliseconds(20), on: testGroup.next())
      let tls = try files.client()
      try await withHarness(
        http: TestHTTPRouter(), server: { $0.tls = certificates }, client: { $0.tls = tls }
      ) { harness in
        let chat = harness.client.bidirectional(path: "/test.Test/Bidi")
        var replies = chat.messages.makeAsyncIterator()
        chat.send(text("before"))
        #expect(try await replies.next() == text("before"))
        let next = try await files.authority.issueServer("next")
        try next.replace(files.server)
        let raw = try files.raw(["http/1.1"])
        try await eventually("the new certificate") {
          let peer = try await HTTP1Peer.connect(to: harness.address, tls: raw)
          try await peer.send(httpRequest("GET", "/stream"))
          try await peer.expect("two")
          let serial = try await peer.serial()
          try await peer.close()
          return serial == next.serial
        }
        chat.send(text("after"))
        #expect(try await replies.next() == text("after"))
        chat.finishSending()
      }
      certificates.stopWatching()
    }
  }
}
