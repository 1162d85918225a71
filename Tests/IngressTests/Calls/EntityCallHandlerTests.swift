import CloudstateModel
import GRPCTransport
import Ingress
import NIOCore
import Testing

/// Calls of entities' methods; the first byte of a request is the entity's id.
@Suite struct EntityCallHandlerTests {
  private struct NotAMessage: Error {}

  private let dispatcher = ScriptedDispatcher()
  private let reports = Reports()

  private func begin(
    metadata: GRPCMetadata = GRPCMetadata(),
    configure: (inout IngressConfiguration) -> Void = { _ in }
  ) throws -> (RecordedCall, any GRPCServerCallHandler) {
    var configuration = IngressConfiguration()
    configure(&configuration)
    let route = IngressRoute(
      serviceName: "a.S", method: "M",
      target: .entity(persistenceID: "p") { bytes in
        if bytes.first == UInt8(ascii: "!") { throw NotAMessage() }
        return bytes.first.map { String(UnicodeScalar($0)) } ?? ""
      }, inputTypeURL: "t/In", outputTypeURL: "t/Out")
    let reports = reports
    let ingress = Ingress(
      configuration: configuration, service: shop, routes: [route], dispatcher: dispatcher,
      mounts: [],
      report: { reports.add($0) })
    let call = RecordedCall("/a.S/M", metadata: metadata)
    return (call, try #require(ingress.handler(for: call)))
  }

  private func message(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

  @Test("A unary call is one command and its answer")
  func unary() throws {
    let (call, handler) = try begin()
    handler.receive(message("x1"))
    handler.receiveEnd()
    #expect(dispatcher.commands.map(\.command.entity.entityID) == ["x"])
    #expect(call.status == nil)
    let commitment = Commitment(
      shard: 1, position: Position(2), epoch: Epoch(1), firstSequence: SequenceNumber(1),
      eventCount: 1)
    dispatcher.commands[0].completion(
      CommandAnswer(CommandAnswer.text("done").outcome, commitment: commitment))
    #expect(call.texts == ["done"])
    #expect(call.status == .ok)
    #expect(call.trailers["cs-commitment"] == commitment.headerValue)
  }

  @Test("Messages of one call run one after the other, each under a key of its own")
  func keys() throws {
    var metadata = GRPCMetadata()
    metadata.add("idempotency-key", "k")
    let (call, handler) = try begin(metadata: metadata)
    // All arrive before the first is answered: which key a message gets must not depend on that.
    for text in ["a", "a", "a"] { handler.receive(message(text)) }
    handler.receiveEnd()
    for index in 0..<3 {
      #expect(dispatcher.commands.count == index + 1)
      dispatcher.answer(index, "\(index)")
    }
    #expect(dispatcher.commands.map(\.command.idempotencyKey) == ["k", "k#2", "k#3"])
    #expect(call.texts == ["0", "1", "2"])
    #expect(call.status == .ok)
  }

  @Test("Only the place of the last command is told, or the trailers would grow without bound")
  func lastCommitment() throws {
    let (call, handler) = try begin()
    for _ in 0..<3 { handler.receive(message("a")) }
    handler.receiveEnd()
    for index in 0..<3 {
      dispatcher.commands[index].completion(
        CommandAnswer(
          CommandAnswer.text("x").outcome,
          commitment: Commitment(
            shard: 1, position: Position(UInt64(index + 1)), epoch: Epoch(1),
            firstSequence: SequenceNumber(Int64(index + 1)), eventCount: 1)))
    }
    #expect(call.trailers.headers.count { $0.name == "cs-commitment" } == 1)
    #expect(call.trailers["cs-commitment"]?.contains("position=3") == true)
  }

  @Test("A client that does not read its replies gets no more commands run")
  func slowReader() throws {
    let (call, handler) = try begin()
    handler.receive(message("a"))
    handler.receive(message("b"))
    call.isWritable = false
    dispatcher.answer(0, "first")
    #expect(dispatcher.commands.count == 1)
    handler.receive(message("c"))
    handler.receiveEnd()
    #expect(dispatcher.commands.count == 1)
    #expect(call.status == nil)
    call.isWritable = true
    handler.writabilityChanged(true)
    #expect(dispatcher.commands.map(\.command.entity.entityID) == ["a", "b"])
    dispatcher.answer(1, "second")
    dispatcher.answer(2, "third")
    #expect(call.texts == ["first", "second", "third"])
    #expect(call.status == .ok)
  }

  @Test("What waits is bounded by number and by bytes")
  func bounds() throws {
    let (call, handler) = try begin {
      $0.queuedMessagesPerCall = 3
      $0.queuedBytesPerCall = 10
    }
    handler.receive(message("a"))
    handler.receive(message("b"))
    #expect(call.isReading)
    handler.receive(message("a long message"))
    #expect(!call.isReading)
    dispatcher.answer(0, "")
    #expect(!call.isReading)
    dispatcher.answer(1, "")
    #expect(call.isReading)
    for _ in 0..<3 { handler.receive(message("c")) }
    #expect(!call.isReading)
  }

  @Test(
    "Requests without an entity are refused",
    arguments: [("!", "not a valid message"), ("", "is empty")])
  func badRequest(text: String, reason: String) throws {
    let (call, handler) = try begin()
    handler.receive(message(text))
    #expect(call.status?.code == .invalidArgument)
    #expect(call.status?.message.contains(reason) == true)
    #expect(call.trailers["cs-error"] == "invalid-argument")
    #expect(dispatcher.commands.isEmpty)
  }

  @Test("A call without a message, and one that its client gave up")
  func ends() throws {
    let (empty, emptyHandler) = try begin()
    emptyHandler.receiveEnd()
    #expect(empty.status?.code == .invalidArgument)
    let (call, handler) = try begin()
    handler.receive(message("a"))
    handler.cancelled(GRPCStatus(.cancelled))
    dispatcher.answer(0, "late")
    #expect(call.finishes == 0)
    #expect(call.sent.isEmpty)
  }

  @Test("A reply of another type is passed on and reported")
  func wrongType() throws {
    let (call, handler) = try begin()
    handler.receive(message("a"))
    handler.receiveEnd()
    dispatcher.commands[0].completion(
      CommandAnswer(.reply(ReplyPayload(typeURL: "t/Else", value: []))))
    #expect(call.status == .ok)
    #expect(
      reports.texts == [
        "Warning: a.S.M: Expected reply type_url to be [t/Out] but was [t/Else]."
      ])
  }
}
