import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@testable import EntityRuntime

/// The messages of actions, today's and those before protocol 0.2.
struct ActionCodecTests {
  private func codec(_ dialect: ActionCodec.Dialect, _ shape: ActionShape) -> ActionCodec {
    ActionCodec(
      dialect: dialect,
      request: ActionRequest(
        serviceName: "a.S", method: "M", shape: shape, payloadTypeURL: "t/In",
        metadata: [CommandMetadata(key: "k", value: .text("v"))], deadline: nil))
  }

  private func read(_ buffer: ByteBuffer) throws -> Cloudstate_Action_ActionCommand {
    try Cloudstate_Action_ActionCommand(decoding: buffer)
  }

  @Test(
    "One request carries names, metadata and payload in one message",
    arguments: [ActionShape.unary, .streamedOut])
  func oneRequest(shape: ActionShape) throws {
    for dialect in [ActionCodec.Dialect.action, .statelessFunction] {
      let codec = codec(dialect, shape)
      #expect(codec.header == nil)
      let command = try read(codec.message([1]))
      #expect(command.serviceName == "a.S")
      #expect(command.name == "M")
      #expect(command.metadata.entries.map(\.key) == ["k"])
      #expect(command.payload.typeURL == "t/In")
      #expect([UInt8](command.payload.value) == [1])
    }
  }

  @Test(
    "Metadata of messages goes with the payload, not with the header",
    arguments: [ActionShape.unary, .streamedIn, .streamedOut, .streamed])
  func messageMetadata(shape: ActionShape) throws {
    for dialect in [ActionCodec.Dialect.action, .statelessFunction] {
      let codec = ActionCodec(
        dialect: dialect,
        request: ActionRequest(
          serviceName: "a.S", method: "M", shape: shape, payloadTypeURL: "t/In", metadata: [],
          messageMetadata: [CommandMetadata(key: "ce-id", value: .text("1"))], deadline: nil))
      #expect(try read(codec.message([1])).metadata.entries.map(\.key) == ["ce-id"])
      if let header = codec.header {
        #expect(try read(header).metadata.entries.isEmpty)
      }
    }
  }

  @Test(
    "Many requests follow a header, and carry nothing but payloads",
    arguments: [ActionShape.streamedIn, .streamed])
  func manyRequests(shape: ActionShape) throws {
    let codec = codec(.action, shape)
    let header = try read(#require(codec.header))
    #expect(header.name == "M")
    #expect(!header.hasPayload)
    let command = try read(codec.message([1]))
    #expect(command.serviceName.isEmpty && command.name.isEmpty)
    #expect(command.metadata.entries.isEmpty)
    #expect([UInt8](command.payload.value) == [1])
  }

  @Test(
    "The old functions get no header: each request names its method",
    arguments: [ActionShape.streamedIn, .streamed])
  func oldFunctions(shape: ActionShape) throws {
    let codec = codec(.statelessFunction, shape)
    #expect(codec.header == nil)
    for payload in [[1], [2]] as [[UInt8]] {
      let command = try read(codec.message(payload))
      #expect(command.serviceName == "a.S")
      #expect(command.name == "M")
      #expect([UInt8](command.payload.value) == payload)
    }
  }

  @Test("Each shape and dialect has a method of its own")
  func paths() {
    #expect(codec(.action, .unary).path == "/cloudstate.action.ActionProtocol/handleUnary")
    #expect(
      codec(.action, .streamedIn).path == "/cloudstate.action.ActionProtocol/handleStreamedIn")
    #expect(
      codec(.statelessFunction, .streamedOut).path
        == "/cloudstate.function.StatelessFunction/handleStreamedOut")
    #expect(
      codec(.statelessFunction, .streamed).path
        == "/cloudstate.function.StatelessFunction/handleStreamed")
  }

  @Test("Responses hold a message, a forward, a failure or nothing, each with side effects")
  func responses() throws {
    var response = Cloudstate_Action_ActionResponse()
    response.sideEffects = [
      .with {
        $0.serviceName = "b.S"; $0.commandName = "N"
      }
    ]
    let effects = [
      SideEffect(
        FunctionCall(serviceName: "b.S", method: "N", payloadTypeURL: "", payload: []),
        isSynchronous: false)
    ]
    #expect(
      try ActionCodec.answer(response.encoded) == CommandAnswer(.reply(nil), effects: effects))
    response.reply.payload.typeURL = "t/Out"
    #expect(
      try ActionCodec.answer(response.encoded)
        == CommandAnswer(.reply(ReplyPayload(typeURL: "t/Out", value: [])), effects: effects))
    response.failure.description_p = "no"
    #expect(
      try ActionCodec.answer(response.encoded) == CommandAnswer(.failure("no"), effects: effects))
    response.forward.serviceName = "c.S"
    response.forward.commandName = "F"
    #expect(
      try ActionCodec.answer(response.encoded)
        == CommandAnswer(
          .forward(
            FunctionCall(serviceName: "c.S", method: "F", payloadTypeURL: "", payload: [])),
          effects: effects))
    #expect(throws: (any Error).self) { try ActionCodec.answer(ByteBuffer(bytes: [0x0a, 9])) }
  }
}
