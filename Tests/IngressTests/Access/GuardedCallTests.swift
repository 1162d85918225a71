import AccessControl
import CloudstateModel
import GRPCTransport
import Ingress
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// Calls whose callers lose their rights meanwhile.
@Suite struct GuardedCallTests {
  private static let rules = "rules: [{who: ada, allow: send cs.cmd.shop.*}]"

  private let dispatcher = ScriptedDispatcher()
  private let worker = HeldWorker()
  private let time = TestTime()

  private func gate(_ authenticator: Authenticator) -> AccessGate {
    let ingress = Ingress(
      configuration: IngressConfiguration(), service: shop,
      routes: [
        IngressRoute(
          serviceName: "a.S", method: "Get", target: .entity(persistenceID: "p") { _ in "x" },
          inputTypeURL: "t/In", outputTypeURL: "t/Out"),
        IngressRoute(
          serviceName: "a.S", method: "Act",
          target: .action(ActionShape(isClientStreaming: true, isServerStreaming: true)),
          inputTypeURL: "t/In", outputTypeURL: "t/Out"),
      ], dispatcher: dispatcher, mounts: [], report: { _ in })
    return AccessGate(ingress: ingress, authenticator: authenticator)
  }

  /// A call that has begun.
  private struct Begun {
    let call: RecordedCall
    let handler: any GRPCServerCallHandler

    func send() { handler.receive(ByteBuffer(string: "m")) }
    func turn() { (call.eventLoop as? EmbeddedEventLoop)?.run() }
    func wait(_ time: TimeAmount) { (call.eventLoop as? EmbeddedEventLoop)?.advanceTime(by: time) }
  }

  private func begin(
    _ authenticator: Authenticator, _ path: String, token: String = "secret-ada"
  ) throws -> Begun {
    var metadata = GRPCMetadata()
    metadata.add("authorization", "Bearer \(token)")
    let call = RecordedCall(path, metadata: metadata)
    let handler = try #require(gate(authenticator).handler(for: call))
    worker.run()
    (call.eventLoop as? EmbeddedEventLoop)?.run()
    try #require(call.status == nil)
    return Begun(call: call, handler: handler)
  }

  private func webTokens() async throws -> Authenticator {
    try access(
      keys: try await SharedKeys.verifier(), worker: { [worker] in worker.add($0) }, now: time,
      lines: Self.rules)
  }

  private func set(seconds: Int64) {
    time.milliseconds.store(seconds * 1000, ordering: .relaxed)
  }

  // MARK: Tokens that expire

  @Test("A stream ends when its token does, and the function hears of it")
  func expiry() async throws {
    let stream = try begin(try await webTokens(), "/a.S/Act", token: SharedKeys.token)
    stream.send()
    set(seconds: 2029)
    stream.wait(.seconds(1029))
    #expect(stream.call.status == nil)
    set(seconds: 2031)
    stream.wait(.seconds(2))
    #expect(stream.call.status?.code == .unauthenticated)
    #expect(stream.call.status?.message.hasPrefix("the token has expired") == true)
    #expect(stream.call.finishes == 1)
    #expect(dispatcher.actions.first?.isCancelled == true)
    stream.send()
    #expect(dispatcher.actions.first?.sent.count == 1)
  }

  @Test("A clock that was set back lets a stream go on until the token has expired indeed")
  func clockSetBack() async throws {
    let stream = try begin(try await webTokens(), "/a.S/Act", token: SharedKeys.token)
    stream.wait(.seconds(1031))
    #expect(stream.call.status == nil)
    set(seconds: 2031)
    stream.wait(.seconds(1031))
    #expect(stream.call.status?.code == .unauthenticated)
  }

  @Test("Each command needs a token that is right; the reply to one that was is sent")
  func commands() async throws {
    let call = try begin(try await webTokens(), "/a.S/Get", token: SharedKeys.token)
    call.send()
    set(seconds: 2031)
    call.wait(.seconds(1031))
    dispatcher.answer(0, "done")
    #expect(call.call.texts == ["done"])
    #expect(call.call.status == nil)
    call.send()
    #expect(dispatcher.commands.count == 1)
    #expect(call.call.status?.code == .unauthenticated)
  }

  @Test("A call that is over leaves no timer behind")
  func noTimer() async throws {
    let stream = try begin(try await webTokens(), "/a.S/Act", token: SharedKeys.token)
    stream.handler.cancelled(GRPCStatus(.cancelled))
    set(seconds: 3000)
    stream.wait(.seconds(2000))
    #expect(stream.call.finishes == 0)
  }

  // MARK: Rules that change

  private func use(_ names: [String], _ lines: String, _ authenticator: Authenticator) throws {
    authenticator.use(try accessSettings(names, lines: lines))
  }

  @Test("What is still allowed goes on")
  func stillAllowed() throws {
    let authenticator = try access("ada", lines: Self.rules)
    let stream = try begin(authenticator, "/a.S/Act")
    try use(["ada"], "rules: [{who: ada, allow: send cs.cmd.shop.Act}]", authenticator)
    stream.send()
    #expect(stream.call.status == nil)
    #expect(dispatcher.actions.first?.sent.count == 1)
  }

  @Test("What is forbidden now ends with the next message, whichever way it goes")
  func forbidden() throws {
    for isReply in [true, false] {
      let authenticator = try access("ada", lines: Self.rules)
      let stream = try begin(authenticator, "/a.S/Act")
      try use(["ada"], "rules: [{who: ada, allow: send cs.cmd.shop.Get}]", authenticator)
      let action = try #require(dispatcher.actions.last)
      if isReply { action.owner.received(.text("late")) } else { stream.send() }
      stream.turn()
      #expect(stream.call.status?.code == .permissionDenied)
      #expect(stream.call.sent.isEmpty && action.sent.isEmpty && action.isCancelled)
    }
  }

  @Test("A token that is gone ends the call as one without a token")
  func tokenGone() throws {
    let authenticator = try access("ada", lines: Self.rules)
    let call = try begin(authenticator, "/a.S/Get")
    try use(["bob"], "rules: [{who: bob, allow: send cs.cmd.shop.*}]", authenticator)
    call.send()
    #expect(dispatcher.commands.isEmpty)
    #expect(call.call.status?.code == .unauthenticated)
  }

  @Test("A token that has to be verified again is, while the call goes on")
  func verifiedAgain() async throws {
    let authenticator = try await webTokens()
    let stream = try begin(authenticator, "/a.S/Act", token: SharedKeys.token)
    authenticator.use(authenticator.settings)
    stream.send()
    worker.run()
    stream.turn()
    #expect(stream.call.status == nil)
    try authenticator.use(
      accessSettings(
        [], keys: try await SharedKeys.verifier(),
        lines: "rules: [{who: bob, allow: send cs.cmd.>}]"))
    stream.send()
    worker.run()
    stream.turn()
    #expect(stream.call.status?.code == .permissionDenied)
    #expect(dispatcher.actions.first?.isCancelled == true)
  }
}
