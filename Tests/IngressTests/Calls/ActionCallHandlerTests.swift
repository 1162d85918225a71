import CloudstateModel
import GRPCTransport
import Ingress
import NIOCore
import Testing

/// Calls of actions' methods, of every shape.
@Suite struct ActionCallHandlerTests {
  private let dispatcher = ScriptedDispatcher()

  private func begin(
    _ shape: ActionShape, metadata: GRPCMetadata = GRPCMetadata()
  ) throws -> (RecordedCall, any GRPCServerCallHandler) {
    let route = IngressRoute(
      serviceName: "a.S", method: "M", target: .action(shape), inputTypeURL: "t/In",
      outputTypeURL: "t/Out")
    let ingress = Ingress(
      configuration: IngressConfiguration(), service: shop, routes: [route], dispatcher: dispatcher,
      mounts: [],
      report: { _ in })
    let call = RecordedCall("/a.S/M", metadata: metadata)
    return (call, try #require(ingress.handler(for: call)))
  }

  private var action: ScriptedAction { dispatcher.actions[0] }
  private func message(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

  @Test("A shape with one request is opened with it, and passes the client's headers on")
  func unary() throws {
    var metadata = GRPCMetadata()
    metadata.add("x-color", "red")
    let (call, handler) = try begin(.unary, metadata: metadata)
    #expect(dispatcher.actions.isEmpty)
    handler.receive(message("in"))
    handler.receiveEnd()
    #expect(action.request.metadata == [CommandMetadata(key: "x-color", value: .text("red"))])
    #expect(action.sent == ["in"])
    #expect(action.isEnded)
    action.owner.received(
      .text("out", metadata: [CommandMetadata(key: "x-answer", value: .text("yes"))]))
    action.owner.ended(nil)
    #expect(call.texts == ["out"])
    #expect(call.headers?["x-answer"] == "yes")
    #expect(call.status == .ok)
  }

  @Test("A second request where there is one, and none at all, are refused")
  func wrongCount() throws {
    let (twice, handler) = try begin(.streamedOut)
    handler.receive(message("a"))
    handler.receive(message("b"))
    #expect(twice.status?.code == .invalidArgument)
    #expect(action.isCancelled)
    let (none, emptyHandler) = try begin(.unary)
    emptyHandler.receiveEnd()
    #expect(none.status?.code == .invalidArgument)
    let (empty, streamedHandler) = try begin(.streamed)
    streamedHandler.receiveEnd()
    #expect(empty.status == nil, "no request is legal where there may be many")
    #expect(dispatcher.actions.last?.isEnded == true)
  }

  @Test("Responses are handled one after the other, also when what follows from one takes its time")
  func inOrder() throws {
    dispatcher.settlesAtOnce = false
    let (call, handler) = try begin(.streamed)
    handler.receive(message("a"))
    action.owner.received(.text("1"))
    action.owner.received(CommandAnswer(.reply(nil)))
    action.owner.received(.text("2"))
    action.owner.ended(nil)
    #expect(dispatcher.settling.count == 1)
    #expect(call.sent.isEmpty)
    dispatcher.settleFirst()
    dispatcher.settleFirst()
    #expect(call.texts == ["1"])
    #expect(call.status == nil)
    dispatcher.settleFirst()
    #expect(call.texts == ["1", "2"])
    #expect(call.status == .ok)
  }

  @Test("A slow client, and responses that wait, hold the function back")
  func slowClient() throws {
    dispatcher.settlesAtOnce = false
    let (call, handler) = try begin(.streamedOut)
    handler.receive(message("a"))
    for number in 0..<17 { action.owner.received(.text("\(number)")) }
    #expect(!action.isReading)
    dispatcher.settleFirst()
    #expect(action.isReading)
    call.isWritable = false
    handler.writabilityChanged(false)
    #expect(!action.isReading)
    call.isWritable = true
    handler.writabilityChanged(true)
    #expect(action.isReading)
  }

  @Test("A slow function holds the client back")
  func slowFunction() throws {
    let (call, handler) = try begin(.streamedIn)
    action.isWritable = false
    handler.receive(message("a"))
    #expect(!call.isReading)
    action.isWritable = true
    action.owner.functionWritabilityChanged(true)
    #expect(call.isReading)
  }

  @Test("A failure and an error of the function end the call and the stream")
  func failures() throws {
    let (failed, handler) = try begin(.streamedOut)
    handler.receive(message("a"))
    action.owner.received(CommandAnswer(.failure("no")))
    #expect(failed.status == GRPCStatus(.unknown, "no"))
    #expect(action.isCancelled)
    action.owner.received(.text("late"))
    #expect(failed.sent.isEmpty)

    let (broken, second) = try begin(.unary)
    second.receive(message("a"))
    dispatcher.actions[1].owner.ended(
      CommandError(.actionFailed, "there is one", passedStatusCode: 6))
    #expect(broken.status == GRPCStatus(.alreadyExists, "there is one"))
  }

  @Test("A client that goes away cancels the function's call")
  func cancellation() throws {
    let (call, handler) = try begin(.streamed)
    handler.cancelled(GRPCStatus(.cancelled))
    #expect(action.isCancelled)
    action.owner.ended(nil)
    #expect(call.finishes == 0)
  }
}
