import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import Testing

@testable import CloudstateSDK

/// Traces of one action call: message in, what to do out (protocol section 6.1).
@Suite struct ActionConversationTests {
  private struct Unexpected: Error { let what: String }

  private func conversation(_ shape: MethodShape) -> ActionConversation {
    ActionConversation(
      services: [
        Relay.serviceName: HostedService(Relay(probe: Probe())),
        Note.serviceName: HostedService(Note.self),
      ], shape: shape)
  }

  @Test("A closure without await runs at once, one with await in a task")
  func bodies() throws {
    guard case .action(let methods) = HostedService(Relay(probe: Probe())).kind else {
      throw Unexpected(what: "no action")
    }
    for name in ["Now", "Ignore", "Order"] {
      guard case .immediate = methods[name]?.body else { throw Unexpected(what: "\(name): a task") }
    }
    for name in ["Soon", "OrderSoon", "Wait"] {
      guard case .task = methods[name]?.body else { throw Unexpected(what: "\(name): no task") }
    }
  }

  @Test(
    "One command starts its method at the end of the caller's side",
    arguments: [
      (MethodShape.unary, "Now"), (.streamedOut, "Split"),
    ])
  func single(shape: MethodShape, name: String) throws {
    var conversation = conversation(shape)
    let command = try ActionIn.call(name, text("a"), metadata: ["color": "red"])
    guard case .wait = conversation.receive(command) else { throw Unexpected(what: "no wait") }
    guard case .start(let start, let request) = conversation.receiveEnd() else {
      throw Unexpected(what: "no start")
    }
    #expect(start.method.name == name)
    #expect(start.context.methodName == name)
    #expect(start.context.metadata["color"] == "red")
    #expect(try Google_Protobuf_StringValue(unpackingAny: request.payload) == text("a"))
  }

  @Test(
    "A header starts its method, payloads follow",
    arguments: [
      (MethodShape.streamedIn, "Join"), (.streamed, "Echo"),
    ])
  func streamed(shape: MethodShape, name: String) throws {
    var conversation = conversation(shape)
    let header = ActionIn.header(name, metadata: ["color": "red"])
    guard case .start(let start) = conversation.receive(header) else {
      throw Unexpected(what: "no start")
    }
    #expect(start.method.name == name)
    #expect(start.context.metadata["color"] == "red")
    for word in ["a", "b"] {
      let message = try ActionIn.request(text(word), metadata: ["mark": word])
      guard case .request(let request) = conversation.receive(message) else {
        throw Unexpected(what: "no request")
      }
      #expect(try Google_Protobuf_StringValue(unpackingAny: request.payload) == text(word))
      #expect(request.metadata["mark"] == word)
    }
    guard case .endRequests = conversation.receiveEnd() else { throw Unexpected(what: "no end") }
  }

  @Test("What breaks the protocol, or is not here, is refused")
  func refusals() throws {
    let one = try ActionIn.call("Now", text("a"))
    let headerWithPayload = try ActionIn.call("Join", text("a"))
    let cases: [(MethodShape, [ActionIn], ActionIn, GRPCStatus.Code, String)] = [
      (.unary, [one], one, .invalidArgument, "a second arrived"),
      (.unary, [], .header("Now"), .invalidArgument, "without payload"),
      (.streamedOut, [], .header("Split"), .invalidArgument, "without payload"),
      (.streamedIn, [], headerWithPayload, .invalidArgument, "carried a payload"),
      (.streamed, [], try .request(text("a")), .unimplemented, "service ''"),
      (.streamed, [.header("Echo")], .header("Echo"), .invalidArgument, "second header"),
      (.streamed, [.header("Echo")], ActionIn(), .invalidArgument, "without payload"),
      (.unary, [], try .call("Later", text("a")), .unimplemented, "'Later'"),
      (
        .unary, [], try .call("Now", text("a"), service: "test.Other"), .unimplemented,
        "the actions of this server: test.Relay."
      ),
      (
        .unary, [], try .call("Get", text("a"), service: Note.serviceName), .unimplemented,
        "the actions of this server: test.Relay."
      ),
      (
        .unary, [], try .call("Split", text("a")), .unimplemented,
        "handled by an OnStreamedOut, but was called as handleUnary"
      ),
      (.streamed, [], .header("Join"), .unimplemented, "called as handleStreamed"),
    ]
    for (shape, before, message, code, text) in cases {
      var conversation = conversation(shape)
      for message in before { _ = conversation.receive(message) }
      guard case .refuse(let status) = conversation.receive(message) else {
        Issue.record("not refused: \(text)")
        continue
      }
      #expect(status.code == code, "\(status)")
      #expect(status.message.contains(text), "\(status)")
    }
  }

  @Test(
    "A call that ends before its first message is refused",
    arguments: [
      MethodShape.unary, .streamedIn, .streamedOut, .streamed,
    ])
  func earlyEnd(shape: MethodShape) throws {
    var conversation = conversation(shape)
    guard case .refuse(let status) = conversation.receiveEnd() else {
      throw Unexpected(what: "not refused")
    }
    #expect(status.code == .invalidArgument)
  }
}
