import AccessControl
import CloudstateModel
import GRPCTransport
import Ingress
import NIOCore
import NIOEmbedded
import Testing

/// Calls by gRPC with an access file.
@Suite struct AccessGateTests {
  private static let rules = """
    rules:
     - {who: all, allow: send cs.cmd.shop.*}
     - {who: part, allow: send cs.cmd.shop.Get}
     - {who: part, deny: send cs.cmd.shop.Set}
     - {who: none, allow: admin cs.admin.>}
    """

  private let dispatcher = ScriptedDispatcher()

  private func gate(_ authenticator: Authenticator?) -> AccessGate {
    let routes = ["Get", "Set"].map { method in
      IngressRoute(
        serviceName: "a.S", method: method, target: .entity(persistenceID: "p") { _ in "x" },
        inputTypeURL: "t/In", outputTypeURL: "t/Out")
    }
    let act = IngressRoute(
      serviceName: "a.S", method: "Act",
      target: .action(ActionShape(isClientStreaming: true, isServerStreaming: true)),
      inputTypeURL: "t/In", outputTypeURL: "t/Out")
    let ingress = Ingress(
      configuration: IngressConfiguration(), service: shop, routes: routes + [act],
      dispatcher: dispatcher,
      mounts: [
        { call, rights in
          call.path == "/grpc.health.v1.Health/Check" ? Answering(call, rights) : nil
        }
      ], report: { _ in })
    return AccessGate(ingress: ingress, authenticator: authenticator)
  }

  private func gate() throws -> AccessGate {
    gate(try access("all", "part", "none", lines: Self.rules))
  }

  /// Makes a call with one message.
  @discardableResult
  private func call(_ gate: AccessGate, _ name: String?, _ path: String) -> RecordedCall {
    let call = RecordedCall(path, metadata: credentials(name))
    let handler = gate.handler(for: call)
    if handler == nil { call.finish(GRPCStatus(.unimplemented, "unknown method \(path)")) }
    if call.status == nil {
      handler?.receive(ByteBuffer(string: "m"))
      handler?.receiveEnd()
    }
    return call
  }

  @Test("Without credentials, or with wrong ones, every path has the same answer")
  func unauthenticated() throws {
    let gate = try gate()
    var endings: Set<Ending> = []
    for name in [nil, "unknown", "al", "alll"] {
      for path in [
        "/a.S/Get", "/a.S/Nothing", "/no.Service/Get", "", "/grpc.health.v1.Other/Check",
      ] {
        endings.insert(Ending(call(gate, name, path)))
      }
    }
    #expect(endings.count == 1)
    #expect(endings.first?.status?.code == .unauthenticated)
    #expect(endings.first?.trailers["cs-error"] == "unauthenticated")
    #expect(endings.first?.trailers["cs-retryable"] == "false")
    #expect(dispatcher.commands.isEmpty)
  }

  @Test("What is forbidden and what there is not have the same answer")
  func denied() throws {
    let gate = try gate()
    var endings: Set<Ending> = []
    for (name, path) in [
      ("part", "/a.S/Set"), ("part", "/a.S/Nothing"), ("part", "/no.Service/Get"), ("part", ""),
      ("none", "/a.S/Get"), ("none", "/a.S/Act"), ("none", "/x/y"),
    ] {
      endings.insert(Ending(call(gate, name, path)))
    }
    #expect(endings.count == 1)
    #expect(endings.first?.status?.code == .permissionDenied)
    #expect(endings.first?.trailers["cs-error"] == "permission-denied")
    #expect(dispatcher.commands.isEmpty)
    #expect(dispatcher.actions.isEmpty)
  }

  @Test("What is allowed is done, and who may do everything is told what there is not")
  func allowed() throws {
    let gate = try gate()
    #expect(call(gate, "part", "/a.S/Get").status == nil)
    #expect(call(gate, "all", "/a.S/Set").status == nil)
    #expect(dispatcher.commands.count == 2)
    #expect(call(gate, "all", "/a.S/Nothing").status?.code == .unimplemented)
    #expect(call(gate, "all", "/no.Service/Get").status?.code == .unimplemented)
  }

  @Test("Health is for everybody, with the rights of who asks, and nothing else is by its name")
  func health() async throws {
    let gate = try gate()
    for (name, owner) in [
      (nil, "nobody"), ("unknown", "nobody"), ("none", "none"), ("all", "all"),
    ] {
      let call = call(gate, name, "/grpc.health.v1.Health/Check")
      #expect(call.status == .ok)
      #expect(call.headers?["owner"] == owner)
    }
    for path in ["Nothing", "List"] {
      #expect(
        call(gate, nil, "/grpc.health.v1.Health/\(path)").status?.code == .unauthenticated)
    }
    // Also with a token that has to be verified first, and is wrong.
    let waiting = try await waitingGate()
    let (wrong, _) = begin(waiting, "/grpc.health.v1.Health/Check", token: "a.b.c")
    settle(wrong)
    #expect(wrong.status == .ok)
    #expect(wrong.headers?["owner"] == "nobody")
  }

  @Test(
    "The first alternative name of a certificate is its owner's, else its common name",
    arguments: [
      (PeerCertificate(commonName: "all", alternativeNames: []), true),
      (PeerCertificate(commonName: "eve", alternativeNames: ["all"]), true),
      (PeerCertificate(commonName: "all", alternativeNames: ["eve"]), false),
      (PeerCertificate(commonName: "all", alternativeNames: [""]), false),
      (PeerCertificate(commonName: nil, alternativeNames: ["eve", "all"]), false),
    ])
  func certificates(certificate: PeerCertificate, isAllowed: Bool) throws {
    let gate = gate(
      try access(lines: "certificates: true\nrules: [{who: all, allow: send cs.cmd.shop.*}]"))
    let call = RecordedCall("/a.S/Get")
    call.peer.certificate = certificate
    _ = gate.handler(for: call)
    #expect((call.status == nil) == isAllowed)
  }

  @Test("Without an access file everybody is let in")
  func uncontrolled() {
    let gate = gate(nil)
    #expect(call(gate, nil, "/a.S/Get").status == nil)
    #expect(call(gate, "unknown", "/a.S/Set").status == nil)
    #expect(dispatcher.commands.count == 2)
    #expect(call(gate, nil, "/a.S/Nothing").status?.code == .unimplemented)
  }

  @Test("The credentials of a caller are not handed to the function")
  func credentialsStayHere() throws {
    let call = RecordedCall("/a.S/Act", metadata: credentials("all"))
    _ = try gate().handler(for: call)
    try #require(dispatcher.actions.count == 1)
    #expect(dispatcher.actions[0].request.metadata.isEmpty)
  }

  // MARK: Calls that wait for their token

  private let worker = HeldWorker()

  private func waitingGate(_ limits: Authenticator.Limits = .init()) async throws -> AccessGate {
    gate(
      try access(
        keys: try await SharedKeys.verifier(), worker: { [worker] in worker.add($0) },
        limits: limits, lines: "rules: [{who: ada, allow: send cs.cmd.shop.Get}]"))
  }

  private func begin(
    _ gate: AccessGate, _ path: String, token: String = SharedKeys.token
  ) -> (RecordedCall, (any GRPCServerCallHandler)?) {
    var metadata = GRPCMetadata()
    metadata.add("authorization", "Bearer \(token)")
    let call = RecordedCall(path, metadata: metadata)
    return (call, gate.handler(for: call))
  }

  private func settle(_ call: RecordedCall) {
    worker.run()
    (call.eventLoop as? EmbeddedEventLoop)?.run()
  }

  @Test("A call waits for its token unread, and then goes on; the next one does not wait")
  func waits() async throws {
    let gate = try await waitingGate()
    let (call, handler) = begin(gate, "/a.S/Get")
    #expect(!call.isReading)
    // A transport may have had it in its hands.
    handler?.receive(ByteBuffer(string: "m"))
    handler?.receiveEnd()
    #expect(dispatcher.commands.isEmpty && call.status == nil)
    settle(call)
    #expect(call.isReading)
    try #require(dispatcher.commands.count == 1)
    dispatcher.answer(0, "done")
    #expect(call.texts == ["done"])
    #expect(call.status == .ok)
    let (next, _) = begin(gate, "/a.S/Get")
    #expect(next.isReading && next.status == nil)
    #expect(begin(gate, "/a.S/Set").0.status?.code == .permissionDenied)
  }

  @Test(
    "A call whose token is wrong ends like one without; one that is forbidden like all of these")
  func waitsInVain() async throws {
    let gate = try await waitingGate()
    let (wrong, handler) = begin(gate, "/a.S/Get", token: SharedKeys.token + "A")
    handler?.receive(ByteBuffer(string: "m"))
    settle(wrong)
    #expect(Ending(wrong) == Ending(call(gate, nil, "/a.S/Get")))
    let (forbidden, _) = begin(gate, "/a.S/Set")
    settle(forbidden)
    #expect(forbidden.status?.code == .permissionDenied)
    let (unknown, _) = begin(gate, "/a.S/Nothing")
    settle(unknown)
    #expect(Ending(unknown) == Ending(forbidden))
    #expect(dispatcher.commands.isEmpty)
  }

  @Test("A call that is cancelled while it waits is not begun")
  func cancelled() async throws {
    let gate = try await waitingGate()
    let (call, handler) = begin(gate, "/a.S/Get")
    handler?.receive(ByteBuffer(string: "m"))
    handler?.cancelled(GRPCStatus(.cancelled))
    settle(call)
    #expect(dispatcher.commands.isEmpty)
    #expect(call.status == nil)
  }

  @Test("When as many calls wait as may, the next is refused")
  func overloaded() async throws {
    var limits = Authenticator.Limits()
    limits.waiting = 1
    let gate = try await waitingGate(limits)
    let (first, _) = begin(gate, "/a.S/Get")
    let (second, _) = begin(gate, "/a.S/Get")
    (second.eventLoop as? EmbeddedEventLoop)?.run()
    #expect(second.status?.code == .resourceExhausted)
    #expect(second.trailers["cs-retryable"] == "true")
    #expect(first.status == nil)
  }
}

/// Answers at once.
private final class Answering: GRPCServerCallHandler {
  init(_ call: any GRPCServerCall, _ rights: AccessRights) {
    var headers = GRPCMetadata()
    headers.add("owner", rights.principal.name)
    call.sendHeaders(headers)
    call.finish(.ok)
  }
  func receive(_ message: ByteBuffer) {}
  func receiveEnd() {}
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) {}
}
