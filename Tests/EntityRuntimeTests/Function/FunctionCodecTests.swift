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
      #expect(
        try FunctionCodec.decode(out.encoded, of: .eventSourced) == .reply(Self.expected(sent)))
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
      let message = try FunctionCodec.decode(ByteBuffer(bytes: bytes), of: .eventSourced)
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
      let ours = try? FunctionCodec.decode(buffer, of: .eventSourced)
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
        decoding: FunctionCodec.commandMessage(
          .eventSourced, id: id, command, passesMetadata: passesMetadata))
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
      case .forward(let forward):
        .forward(
          FunctionCall(
            serviceName: forward.serviceName, method: forward.commandName,
            payloadTypeURL: forward.payload.typeURL, payload: [UInt8](forward.payload.value)))
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
      sideEffects: reply.sideEffects.map {
        SideEffect(
          FunctionCall(
            serviceName: $0.serviceName, method: $0.commandName,
            payloadTypeURL: $0.payload.typeURL, payload: [UInt8]($0.payload.value)),
          isSynchronous: $0.synchronous)
      })
  }

  private static func opaque(_ any: Google_Protobuf_Any) -> OpaquePayload {
    OpaquePayload(typeURL: any.typeURL, value: [UInt8](any.value))
  }
}

/// The stream of value entities: a change of the value is stored as an event and as the state after it.
struct ValueEntityCodecTests {
  private static let payload = OpaquePayload(typeURL: "type.googleapis.com/a.Cart", value: [1, 2])

  private func decode(
    _ change: (inout Cloudstate_Valueentity_ValueEntityReply) -> Void
  ) throws -> FunctionMessage {
    var reply = Cloudstate_Valueentity_ValueEntityReply()
    reply.commandID = 3
    change(&reply)
    var out = Cloudstate_Valueentity_ValueEntityStreamOut()
    out.reply = reply
    return try FunctionCodec.decode(out.encoded, of: .value)
  }

  @Test("An update is an event and the state")
  func update() throws {
    let message = try decode {
      $0.clientAction.reply.payload.typeURL = "type.googleapis.com/a.B"
      $0.stateAction.update.value.typeURL = Self.payload.typeURL
      $0.stateAction.update.value.value = Data(Self.payload.value)
    }
    let answer = ReplyPayload(typeURL: "type.googleapis.com/a.B", value: [])
    #expect(
      message
        == .reply(
          FunctionReply(
            commandID: 3, action: .reply(answer), events: [Self.payload], snapshot: Self.payload)))
  }

  @Test("A deletion is an event, and leaves a state that the next activation does not see")
  func deletion() throws {
    let message = try decode { $0.stateAction.delete = .init() }
    guard case .reply(let reply) = message, let state = reply.snapshot else {
      Issue.record("\(message)")
      return
    }
    #expect(reply.events == [ValueChange.deletion])
    let initial = try Cloudstate_Valueentity_ValueEntityStreamIn(
      decoding: FunctionCodec.initMessage(
        .value, serviceName: "s", entityID: "e",
        snapshot: StoredSnapshot(sequence: SequenceNumber(4), payload: state)))
    #expect(initial.init_p.hasState)
    #expect(!initial.init_p.state.hasValue)
  }

  @Test("The value is handed over at activation; without one the state is there and empty")
  func initial() throws {
    for payload in [Self.payload, nil] {
      let message = try Cloudstate_Valueentity_ValueEntityStreamIn(
        decoding: FunctionCodec.initMessage(
          .value, serviceName: "s", entityID: "e",
          snapshot: payload.map { StoredSnapshot(sequence: SequenceNumber(1), payload: $0) }))
      #expect(message.init_p.serviceName == "s")
      #expect(message.init_p.entityID == "e")
      #expect(message.init_p.hasState)
      #expect(message.init_p.state.hasValue == (payload != nil))
      #expect([UInt8](message.init_p.state.value.value) == payload?.value ?? [])
    }
  }

  @Test("A state action without content breaks the entity; a restart is none of its business")
  func violations() throws {
    for change in [
      { $0.stateAction = .init() },
      { $0.stateAction.update = .init() },
    ] as [(inout Cloudstate_Valueentity_ValueEntityReply) -> Void] {
      guard case .failure(commandID: 3, _) = try decode(change) else {
        Issue.record("an empty state action was let through")
        return
      }
    }
    let failed = try decode {
      $0.clientAction.failure.description_p = "no"
      $0.clientAction.failure.restart = true
    }
    #expect(
      failed
        == .reply(
          FunctionReply(commandID: 3, action: .failure(description: "no", restart: false))))
  }

  @Test("Commands go into the oneof of this stream")
  func command() throws {
    for metadata in [[], [CommandMetadata(key: "k", value: .text("v"))]] {
      let command = EntityCommand(
        serviceName: "a.S", method: "M", entity: EntityKey(persistenceID: "p", entityID: "e"),
        payloadTypeURL: "t", payload: [9], metadata: metadata)
      let message = try Cloudstate_Valueentity_ValueEntityStreamIn(
        decoding: FunctionCodec.commandMessage(.value, id: 5, command, passesMetadata: true))
      #expect(message.command.id == 5)
      #expect(message.command.name == "M")
      #expect(message.command.metadata.entries.count == metadata.count)
    }
  }
}
