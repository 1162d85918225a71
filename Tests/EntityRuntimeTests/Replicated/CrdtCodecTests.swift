import CloudstateModel
import CloudstateProtocol
import EntityRuntime
import FoundationEssentials
import NIOCore
import ReplicatedData
import SwiftProtobuf
import TestSupport
import Testing

/// Both dialects against bytes made by hand from protocol sections 5 and 9.4, so that a field that is wrong in the
/// protocol files does not go unseen.
@Suite("Messages of replicated entities")
struct CrdtCodecTests {
  /// A change in its forms on the wire.
  struct Form: CustomTestStringConvertible {
    let name: String
    /// The change from the empty value.
    let initial: FunctionDelta
    /// `CrdtDelta`, which is the same in both dialects but for maps.
    let delta: [UInt8]
    /// `CrdtState` of section 9.4.
    let state: [UInt8]
    var legacyDelta: [UInt8]?

    var testDescription: String { name }
  }

  private static let a = DataElement(typeURL: "t", value: [1])
  private static let any = Wire.message(1, Array("t".utf8)) + Wire.message(2, [1])

  static let forms = [
    Form(
      name: "gcounter", initial: .gcounter(increment: 5), delta: Wire.message(1, Wire.number(1, 5)),
      state: Wire.message(1, Wire.number(1, 5))),
    // Zig-zag in one, two's complement in the other.
    Form(
      name: "pncounter", initial: .pncounter(change: -3),
      delta: Wire.message(2, Wire.number(1, 5)),
      state: Wire.message(2, [8, 0xfd] + Array(repeating: 0xff, count: 8) + [1])),
    Form(
      name: "gset", initial: .gset(added: [a]), delta: Wire.message(3, Wire.message(1, any)),
      state: Wire.message(3, Wire.message(1, any))),
    Form(
      name: "orset", initial: .orset(SetDelta(added: [a])),
      delta: Wire.message(4, Wire.message(3, any)), state: Wire.message(4, Wire.message(1, any))),
    Form(
      name: "lwwregister", initial: .lwwregister(RegisterDelta(value: a)),
      delta: Wire.message(5, Wire.message(1, any)), state: Wire.message(5, Wire.message(1, any))),
    Form(
      name: "flag", initial: .flag(true), delta: Wire.message(6, Wire.number(1, 1)),
      state: Wire.message(6, Wire.number(1, 1))),
    Form(
      name: "ormap",
      initial: .ormap(MapDelta(added: [MapEntryDelta(key: a, delta: .pncounter(change: 1))])),
      delta: Wire.message(
        7,
        Wire.message(4, Wire.message(1, any) + Wire.message(2, Wire.message(2, Wire.number(1, 2))))),
      state: Wire.message(
        7,
        Wire.message(1, Wire.message(1, any) + Wire.message(2, Wire.message(2, Wire.number(1, 1))))),
      legacyDelta: Wire.message(
        7,
        Wire.message(4, Wire.message(1, any) + Wire.message(2, Wire.message(2, Wire.number(1, 1)))))
    ),
    Form(
      name: "vote", initial: .vote(VoteTally(selfVote: true, votesFor: 2, totalVoters: 3)),
      delta: Wire.message(8, Wire.number(1, 1) + Wire.number(2, 2) + Wire.number(3, 3)),
      state: Wire.message(8, Wire.number(1, 2) + Wire.number(2, 3) + Wire.number(3, 1))),
    // Empty values still say their type.
    Form(
      name: "empty gcounter", initial: .gcounter(increment: 0), delta: Wire.message(1, []),
      state: Wire.message(1, [])),
    Form(
      name: "empty ormap", initial: .ormap(MapDelta()), delta: Wire.message(7, []),
      state: Wire.message(7, [])),
  ]

  private static let current = CrdtCodec(.current)
  private static let legacy = CrdtCodec(.legacy)

  // MARK: To the function

  @Test("the first message", arguments: forms)
  func start(_ form: Form) {
    let names = Wire.message(1, Array("S".utf8)) + Wire.message(2, Array("e".utf8))
    func bytes(_ codec: CrdtCodec, _ value: FunctionDelta?) -> [UInt8] {
      [UInt8](buffer: codec.initial(serviceName: "S", entityID: "e", value: value))
    }
    #expect(
      bytes(Self.current, form.initial) == Wire.message(1, names + Wire.message(3, form.delta)))
    #expect(
      bytes(Self.legacy, form.initial) == Wire.message(1, names + Wire.message(3, form.state)))
    for codec in [Self.current, Self.legacy] {
      #expect(bytes(codec, nil) == Wire.message(1, names))
    }
  }

  @Test("changes, and in the old dialect a state where there was none", arguments: forms)
  func changes(_ form: Form) {
    func bytes(_ codec: CrdtCodec, isFirst: Bool) -> [UInt8] {
      [UInt8](buffer: codec.change(form.initial, isFirst: isFirst))
    }
    for isFirst in [true, false] {
      #expect(bytes(Self.current, isFirst: isFirst) == Wire.message(2, form.delta))
    }
    #expect(bytes(Self.legacy, isFirst: true) == Wire.message(2, form.state))
    #expect(
      bytes(Self.legacy, isFirst: false) == Wire.message(3, form.legacyDelta ?? form.delta))
  }

  @Test("all parts of sets and maps")
  func parts() {
    let set = FunctionDelta.orset(SetDelta(cleared: true, removed: [Self.a], added: [.empty]))
    let setBytes = Wire.message(
      4, Wire.number(1, 1) + Wire.message(2, Self.any) + Wire.message(3, []))
    let map = FunctionDelta.ormap(
      MapDelta(
        cleared: true, removed: [Self.a],
        updated: [MapEntryDelta(key: Self.a, delta: .flag(true))],
        added: [MapEntryDelta(key: Self.a, delta: .gset(added: [Self.a]))]))
    let (key, flag) = (
      Wire.message(1, Self.any), Wire.message(2, Wire.message(6, Wire.number(1, 1)))
    )
    // The parts of a GSet and of its state happen to look the same.
    let added = Wire.message(2, Wire.message(3, Wire.message(1, Self.any)))
    let mapBytes = Wire.message(
      7,
      Wire.number(1, 1) + Wire.message(2, Self.any) + Wire.message(3, key + flag)
        + Wire.message(4, key + added))
    for (delta, bytes) in [(set, setBytes), (map, mapBytes)] {
      #expect(
        [UInt8](buffer: Self.current.change(delta, isFirst: false)) == Wire.message(2, bytes))
      #expect([UInt8](buffer: Self.legacy.change(delta, isFirst: false)) == Wire.message(3, bytes))
      #expect(Self.update(in: Self.reply(Self.current, Wire.message(1, bytes))) == delta)
      #expect(Self.update(in: Self.reply(Self.legacy, Wire.message(6, bytes))) == delta)
    }
  }

  @Test("deletions, cancellations and commands")
  func others() throws {
    #expect([UInt8](buffer: Self.current.deletion()) == Wire.message(3, []))
    #expect([UInt8](buffer: Self.legacy.deletion()) == Wire.message(4, []))
    let cancellation = Wire.message(1, Array("e".utf8)) + Wire.number(2, 7)
    #expect(
      [UInt8](buffer: Self.current.cancellation(id: 7, entityID: "e"))
        == Wire.message(5, cancellation))
    #expect(
      [UInt8](buffer: Self.legacy.cancellation(id: 7, entityID: "e"))
        == Wire.message(6, cancellation))
    let sent = EntityCommand(
      serviceName: "S", method: "M", entity: EntityKey(persistenceID: "p", entityID: "e"),
      payloadTypeURL: "type.googleapis.com/In", payload: [1, 2],
      metadata: [CommandMetadata(key: "k", value: .text("v"))], idempotencyKey: nil, deadline: nil)
    for (isStreamed, passesMetadata) in [(true, true), (false, false)] {
      func buffer(_ codec: CrdtCodec) -> ByteBuffer {
        codec.command(id: 9, sent, isStreamed: isStreamed, passesMetadata: passesMetadata)
      }
      let command = try Cloudstate_Crdt_CrdtStreamIn(decoding: buffer(Self.current)).command
      #expect(command.entityID == "e" && command.id == 9 && command.name == "M")
      #expect(command.payload.typeURL == "type.googleapis.com/In")
      #expect([UInt8](command.payload.value) == [1, 2])
      #expect(command.streamed == isStreamed)
      #expect(command.metadata.entries.map(\.key) == (passesMetadata ? ["k"] : []))
      let old = try Cloudstate_Internal_Legacycrdt_LegacyStreamIn(decoding: buffer(Self.legacy))
      #expect(old.command == command)
      #expect([UInt8](buffer: buffer(Self.current)).first == 34)
      #expect([UInt8](buffer: buffer(Self.legacy)).first == 42)
    }
  }

  // MARK: From the function

  @Test("changes of a function", arguments: forms)
  func updates(_ form: Form) {
    #expect(Self.update(in: Self.reply(Self.current, Wire.message(1, form.delta))) == form.initial)
    #expect(
      Self.update(in: Self.reply(Self.legacy, Wire.message(6, form.legacyDelta ?? form.delta)))
        == form.initial)
    var created = form.initial
    // The other numbers of a vote mean nothing from a function.
    if case .vote(let tally) = created { created = .vote(VoteTally(selfVote: tally.selfVote)) }
    #expect(Self.update(in: Self.reply(Self.legacy, Wire.message(5, form.state))) == created)
  }

  @Test("registers bring their clock")
  func clocks() {
    let clocks: [(UInt8, RegisterClock)] = [
      (0, .system), (1, .reverse), (2, .custom), (3, .customAutoIncrement), (9, .system),
    ]
    for (number, clock) in clocks {
      let register = Wire.message(
        5, Wire.message(1, Self.any) + Wire.number(2, number) + Wire.number(3, 8))
      let expected = FunctionDelta.lwwregister(
        RegisterDelta(value: Self.a, clock: clock, customClockValue: 8))
      #expect(Self.update(in: Self.reply(Self.current, Wire.message(1, register))) == expected)
      for action in [5, 6] {
        #expect(
          Self.update(in: Self.reply(Self.legacy, Wire.message(action, register))) == expected)
      }
    }
  }

  @Test("deletions and consistencies, each dialect under its own numbers")
  func stateActions() {
    for (number, consistency) in [(0, .local), (1, .majority), (2, .all), (7, .local)]
      as [(UInt8, WriteConsistency)]
    {
      let deletion = RequestedChange(.delete, consistency: consistency)
      #expect(
        Self.change(
          in: Self.reply(Self.current, Wire.message(2, []) + Wire.number(3, number))) == deletion)
      #expect(
        Self.change(
          in: Self.reply(Self.legacy, Wire.message(7, []) + Wire.number(8, number))) == deletion)
    }
  }

  @Test("a state action, a delta or an entry without content is found")
  func unreadable() {
    let entry = Wire.message(7, Wire.message(4, Wire.message(1, Self.any)))
    let update = Wire.message(7, Wire.message(3, Wire.message(1, Self.any)))
    for action in [[], Wire.message(1, []), Wire.message(1, entry), Wire.message(1, update)] {
      #expect(Self.change(in: Self.reply(Self.current, action))?.change == .unreadable)
    }
    let state = Wire.message(7, Wire.message(1, Wire.message(1, Self.any)))
    for action in [
      [], Wire.message(5, []), Wire.message(6, []), Wire.message(6, entry),
      Wire.message(6, update), Wire.message(5, state),
    ] {
      #expect(Self.change(in: Self.reply(Self.legacy, action))?.change == .unreadable)
    }
  }

  @Test(
    "replies, messages, cancellations and failures are the same in both dialects",
    arguments: [CrdtDialect.current, .legacy])
  func messages(dialect: CrdtDialect) throws {
    let codec = CrdtCodec(dialect)
    func decode(_ bytes: [UInt8]) throws -> ReplicatedMessage {
      try codec.decode(ByteBuffer(bytes: bytes))
    }
    let reply = Wire.message(2, Wire.message(1, Wire.message(1, Self.any)))
    let payload = FunctionAction.reply(ReplyPayload(typeURL: "t", value: [1]))
    let effect = Wire.message(1, Array("S".utf8)) + Wire.message(2, Array("M".utf8))
    let effects = [
      SideEffect(
        FunctionCall(serviceName: "S", method: "M", payloadTypeURL: "", payload: []),
        isSynchronous: false)
    ]
    #expect(
      try decode(
        Wire.message(1, Wire.number(1, 3) + reply + Wire.message(4, effect) + Wire.number(6, 1)))
        == .reply(
          ReplicatedReply(commandID: 3, action: payload, sideEffects: effects, isStreamed: true)))
    #expect(
      try decode(Wire.message(1, Wire.number(1, 3)))
        == .reply(ReplicatedReply(commandID: 3, action: nil)))
    #expect(
      try decode(
        Wire.message(2, Wire.number(1, 3) + reply + Wire.message(3, effect) + Wire.number(4, 1)))
        == .streamed(
          StreamedMessage(commandID: 3, action: payload, sideEffects: effects, endsStream: true)))
    #expect(
      try decode(Wire.message(3, Wire.number(1, 3) + Wire.message(2, effect)))
        == .cancellationAnswered(CancellationAnswer(commandID: 3, sideEffects: effects)))
    #expect(
      try decode(Wire.message(4, Wire.number(1, 3) + Wire.message(2, Array("no".utf8))))
        == .failure(commandID: 3, description: "no"))
    #expect(try decode(Wire.message(4, [])) == .failure(commandID: 0, description: ""))
    #expect(try decode([]) == .empty)
    #expect(try decode(Wire.message(15, [1])) == .empty, "a message of a later version")
    #expect(throws: (any Error).self) { try decode([0x0a, 9, 1]) }
  }

  @Test("the answer to a cancellation may change the value")
  func cancellationChange() throws {
    func message(_ action: [UInt8]) -> ByteBuffer {
      ByteBuffer(bytes: Wire.message(3, Wire.number(1, 3) + Wire.message(3, action)))
    }
    let expected = ReplicatedMessage.cancellationAnswered(
      CancellationAnswer(commandID: 3, change: RequestedChange(.update(.gcounter(increment: 5)))))
    let delta = Wire.message(1, Wire.number(1, 5))
    #expect(try Self.current.decode(message(Wire.message(1, delta))) == expected)
    #expect(try Self.legacy.decode(message(Wire.message(6, delta))) == expected)
  }

  // MARK: Material

  /// The reply to command 1 with these bytes as its state action.
  private static func reply(_ codec: CrdtCodec, _ action: [UInt8]) -> ReplicatedMessage? {
    try? codec.decode(
      ByteBuffer(bytes: Wire.message(1, Wire.number(1, 1) + Wire.message(5, action))))
  }

  private static func change(in message: ReplicatedMessage?) -> RequestedChange? {
    guard case .reply(let reply) = message else { return nil }
    return reply.change
  }

  private static func update(in message: ReplicatedMessage?) -> FunctionDelta? {
    guard case .update(let delta) = change(in: message)?.change else { return nil }
    return delta
  }
}

/// Fields of protobuf messages, short enough for one byte of number and length.
private enum Wire {
  static func message(_ field: Int, _ content: [UInt8]) -> [UInt8] {
    [UInt8(field << 3 | 2), UInt8(content.count)] + content
  }

  static func number(_ field: Int, _ value: UInt8) -> [UInt8] { [UInt8(field << 3), value] }
}
