import CloudstateModel
import CloudstateProtocol
import EntityRuntime
import FoundationEssentials
import NIOCore
import ShardStore
import SwiftProtobuf
import TestSupport
import Testing

/// The hand-written codec of the entity stream against swift-protobuf, which knows the messages best.
struct FunctionCodecTests {
  @Test("Replies of every shape are read as swift-protobuf reads them")
  func replies() throws {
    var random = SeededGenerator(seed: testSeed("function replies"))
    for _ in 0..<2_000 {
      let sent = Self.reply(&random)
      var out = Cloudstate_Eventsourced_EventSourcedStreamOut()
      out.reply = sent
      #expect(try FunctionCodec.decode(out.encoded) == .reply(Self.expected(sent)))
    }
  }

  @Test("Fields of a later version and fields in another order change nothing")
  func unusualEncodings() throws {
    var sent = Cloudstate_Eventsourced_EventSourcedReply()
    sent.commandID = 5
    sent.clientAction.reply.payload.typeURL = "t/a"
    sent.clientAction.reply.payload.value = Data([1, 2])
    let reply = try [UInt8](sent.serializedBytes() as [UInt8])
    let unknown: [UInt8] = [0x7a, 1, 9]
    for body in [reply + unknown, unknown + reply, reply + reply] {
      let bytes = [0x0a, UInt8(body.count)] + body
      let message = try FunctionCodec.decode(ByteBuffer(bytes: bytes))
      #expect(message == .reply(Self.expected(sent)))
    }
  }

  @Test("Truncated and changed bytes are an error or what swift-protobuf makes of them")
  func hostileBytes() throws {
    var random = SeededGenerator(seed: testSeed("hostile replies"))
    for _ in 0..<4_000 {
      var out = Cloudstate_Eventsourced_EventSourcedStreamOut()
      out.reply = Self.reply(&random)
      var bytes = [UInt8](buffer: out.encoded)
      if Bool.random(using: &random) {
        bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
      } else {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        bytes[index] = .random(in: 0...255, using: &random)
      }
      let buffer = ByteBuffer(bytes: bytes)
      let theirs = try? Cloudstate_Eventsourced_EventSourcedStreamOut(decoding: buffer)
      let ours = try? FunctionCodec.decode(buffer)
      #expect((ours == nil) == (theirs == nil))
      guard let ours, case .reply(let read)? = theirs?.message else { continue }
      #expect(ours == .reply(Self.expected(read)))
    }
  }

  @Test("Commands are written as swift-protobuf reads them", arguments: [false, true])
  func commands(passesMetadata: Bool) throws {
    var random = SeededGenerator(seed: testSeed("commands"))
    for id in [1, 127, 128, 16_383, 16_384, Int64.max] {
      let size = [0, 1, 100, 127, 128, 20_000].randomElement(using: &random) ?? 0
      let command = EntityCommand(
        serviceName: "a.Service", method: "Method",
        entity: EntityKey(
          persistenceID: "p", entityID: String(repeating: "é", count: 1 + size / 2)),
        payloadTypeURL: "type.googleapis.com/a.B",
        payload: (0..<size).map { _ in .random(in: 0...255, using: &random) },
        metadata: [CommandMetadata(key: "k", value: .text("v"))], idempotencyKey: nil,
        deadline: nil)
      let message = try Cloudstate_Eventsourced_EventSourcedStreamIn(
        decoding: FunctionCodec.commandMessage(id: id, command, passesMetadata: passesMetadata))
      #expect(message.command.id == id)
      #expect(message.command.entityID == command.entity.entityID)
      #expect(message.command.name == "Method")
      #expect(message.command.hasPayload)
      #expect(message.command.payload.typeURL == command.payloadTypeURL)
      #expect([UInt8](message.command.payload.value) == command.payload)
      #expect(message.command.metadata.entries.map(\.key) == (passesMetadata ? ["k"] : []))
    }
  }

  // MARK: Material

  private static func reply(
    _ random: inout SeededGenerator
  ) -> Cloudstate_Eventsourced_EventSourcedReply {
    var reply = Cloudstate_Eventsourced_EventSourcedReply()
    reply.commandID = [0, 1, 127, 128, 1 << 40, -1].randomElement(using: &random) ?? 0
    switch Int.random(in: 0..<8, using: &random) {
    case 0: reply.clientAction.failure.description_p = "no"
    case 1: reply.clientAction.forward.serviceName = "s"
    case 2: reply.clientAction.reply = .init()
    case 3: break
    case 4:
      reply.clientAction.reply.payload = any(&random)
      reply.clientAction.reply.metadata.entries = [
        .with {
          $0.key = "k"; $0.stringValue = "v"
        }
      ]
    default: reply.clientAction.reply.payload = any(&random)
    }
    if Int.random(in: 0..<8, using: &random) == 0 {
      reply.sideEffects = [
        .with {
          $0.serviceName = "s"; $0.commandName = "c"
        }
      ]
    }
    reply.events = (0..<Int.random(in: 0...3, using: &random)).map { _ in any(&random) }
    if Bool.random(using: &random) { reply.snapshot = any(&random) }
    return reply
  }

  private static func any(_ random: inout SeededGenerator) -> Google_Protobuf_Any {
    var any = Google_Protobuf_Any()
    any.typeURL = ["", "type.googleapis.com/a.Été", "x/y"].randomElement(using: &random) ?? ""
    any.value = Data(
      (0..<Int.random(in: 0...300, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      })
    return any
  }

  private static func expected(
    _ reply: Cloudstate_Eventsourced_EventSourcedReply
  ) -> FunctionReply {
    let action: FunctionAction =
      switch reply.clientAction.action {
      case .failure(let failure):
        .failure(description: failure.description_p, restart: failure.restart)
      case .forward(let forward): .forward(target: "\(forward.serviceName).\(forward.commandName)")
      case .reply(let answer) where answer.hasPayload:
        .reply(
          ReplyPayload(
            typeURL: answer.payload.typeURL, value: [UInt8](answer.payload.value),
            metadata: answer.metadata.entries.compactMap { entry in
              switch entry.value {
              case .stringValue(let text): CommandMetadata(key: entry.key, value: .text(text))
              case .bytesValue(let bytes):
                CommandMetadata(key: entry.key, value: .bytes([UInt8](bytes)))
              case nil: nil
              }
            }))
      case .reply, nil: .reply(nil)
      }
    return FunctionReply(
      commandID: reply.commandID, action: action, events: reply.events.map(opaque),
      snapshot: reply.hasSnapshot ? opaque(reply.snapshot) : nil,
      sideEffects: reply.sideEffects.map { "\($0.serviceName).\($0.commandName)" })
  }

  private static func opaque(_ any: Google_Protobuf_Any) -> OpaquePayload {
    OpaquePayload(typeURL: any.typeURL, value: [UInt8](any.value))
  }
}
