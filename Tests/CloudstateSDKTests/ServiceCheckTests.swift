import SwiftProtobuf
import Testing

@testable import CloudstateSDK

@Suite struct ServiceCheckTests {
  private func problems(
    of entities: [HostedService] = [HostedService(Tally.self)], in descriptors: [UInt8]
  ) throws -> [String] {
    try ServiceCheck(descriptors: descriptors).problems(of: entities)
  }

  @Test("An entity that agrees with its service has no problems")
  func agreement() throws {
    #expect(try problems(in: descriptors()) == [])
  }

  @Test("Descriptors that are none are refused")
  func garbage() {
    #expect(throws: CloudstateServer.ConfigurationError.self) {
      try ServiceCheck(descriptors: [0xff, 0xff])
    }
  }

  @Test("An unknown service names those that exist")
  func unknownService() throws {
    #expect(
      try problems(in: descriptors(service: "Talley")) == [
        "The descriptors have no service 'test.Tally'; they have: test.Talley."
      ])
  }

  @Test("Missing, superfluous and differently typed methods are named")
  func methods() throws {
    var methods = Tally.methods
    methods[0] = ("Add", "StringValue", "Empty")
    methods[1].0 = "AddThrice"
    #expect(
      try problems(in: descriptors(methods: methods)) == [
        "test.Tally.Add takes google.protobuf.StringValue, "
          + "but its OnCommand takes google.protobuf.Int64Value.",
        "test.Tally.Add returns google.protobuf.Empty, "
          + "but its OnCommand returns google.protobuf.Int64Value.",
        "test.Tally has no method 'AddTwice'; it has: Add, AddThenFail, AddThrice, Crash, Describe, "
          + "EmitUnknown, Fail, Get.",
        "test.Tally.AddThrice has no OnCommand.",
      ])
  }

  @Test("Two entities of one name, and no entity at all, are refused")
  func servers() throws {
    let tally = HostedService(Tally.self)
    #expect(try problems(of: [tally, tally], in: descriptors()).count == 2)
    #expect(
      try problems(of: [], in: descriptors()) == ["The server hosts no entity and no action."])
  }

  @Test("Value entities and actions that agree with their services have no problems")
  func otherKinds() throws {
    let hosted = [HostedService(Note.self), HostedService(Relay(probe: Probe()))]
    #expect(try problems(of: hosted, in: descriptors(of: Note.service, Relay.service)) == [])
  }

  @Test("Methods of entities must not stream")
  func streamingEntities() throws {
    var note = Note.service
    note.methods[0].shape = .streamedIn
    var tally = DescribedService(
      name: "Tally", methods: Tally.methods.map { ($0.0, $0.1, $0.2, .unary) })
    tally.methods[0].shape = .streamedOut
    #expect(
      try problems(
        of: [HostedService(Note.self), HostedService(Tally.self)],
        in: descriptors(of: note, tally)) == [
          "test.Note.Set streams; value entities cannot.",
          "test.Tally.Add streams; event sourced entities cannot.",
        ])
  }

  @Test("Replicated entities may stream answers, not requests, and need the right kind of handler")
  func replicatedEntities() throws {
    let board = HostedService(Board.self)
    #expect(try problems(of: [board], in: descriptors(of: Board.service)) == [])
    var service = Board.service
    service.methods[0].shape = .streamedOut
    service.methods[2].shape = .streamed
    service.methods[10].shape = .unary
    service.methods.append(("Follow", "Empty", "Empty", .streamedOut))
    #expect(
      try problems(of: [board], in: descriptors(of: service)) == [
        "test.Board.Add needs an OnStreamedCommand, but has an OnCommand.",
        "test.Board.Get streams its requests; replicated entities cannot.",
        "test.Board.Watch needs an OnCommand, but has an OnStreamedCommand.",
        "test.Board.Follow has no OnStreamedCommand.",
      ])
  }

  @Test("Methods of actions must be handled in the shape that the service declares")
  func actionShapes() throws {
    var service = Relay.service
    service.methods[0].shape = .streamed
    service.methods[6].shape = .unary
    service.methods[9].output = "Empty"
    service.methods[13].name = "Whisper"
    #expect(
      try problems(of: [HostedService(Relay(probe: Probe()))], in: descriptors(of: service)) == [
        "test.Relay.Join needs an OnUnary, but has an OnStreamedIn.",
        "test.Relay.Now needs an OnStreamed, but has an OnUnary.",
        "test.Relay has no method 'Shout'; it has: Echo, Flood, Gate, Ignore, Join, Now, Order, "
          + "OrderSoon, Orders, Soon, Split, Take, Wait, Whisper.",
        "test.Relay.Split returns google.protobuf.Empty, "
          + "but its OnStreamedOut returns google.protobuf.StringValue.",
        "test.Relay.Whisper has no OnStreamed.",
      ])
  }

  @Test("Entities of different kinds must not share a persistence id; actions have none")
  func persistenceIDs() throws {
    let relay = HostedService(Relay(probe: Probe()))
    let problems = try problems(
      of: [HostedService(Note.self), HostedService(OtherNote.self), relay],
      in: descriptors(
        of: Note.service, DescribedService(name: "OtherNote", methods: []), Relay.service))
    #expect(
      problems == [
        "Two entities have the persistence id 'note'; they would share their stored data."
      ])
  }

  @Test("A type that is no kind of entity cannot be hosted")
  func noKind() async throws {
    let server = CloudstateServer(
      descriptors: try descriptors(of: Note.service), entities: [Note.self, Nothing.self])
    let error = await #expect(throws: CloudstateServer.ConfigurationError.self) {
      try await server.serve(CloudstateServer.Configuration()) { _ in
        Issue.record("the server started")
      }
    }
    #expect(
      error?.problems == [
        "Nothing is no EventSourcedEntity, no ValueEntity and no ReplicatedEntity."
      ])
  }

  @Test("What a behavior declares twice is named")
  func duplicates() throws {
    #expect(
      HostedService(Stutter.self).duplicates == [
        "command Get", "event google.protobuf.Empty", "Snapshots",
      ])
    #expect(HostedService(OtherNote.self).duplicates == [])
    #expect(HostedService(StutterNote.self).duplicates == ["command Get"])
    #expect(HostedService(StutterBoard.self).duplicates == ["command Get", "command Get"])
    #expect(HostedService(StutterAction()).duplicates == ["method Get"])
  }
}

private struct Stutter: EventSourcedEntity {
  static let serviceName = "test.Stutter"
  static let persistenceID = "stutter"
  var nothing = Google_Protobuf_Empty()

  static var behavior: Behavior<Self> {
    OnCommand("Get") { (_, _: Google_Protobuf_Empty) in }
    OnCommand("Get") { (_, _: Google_Protobuf_Empty) in }
    OnEvent { (_, _: Google_Protobuf_Empty) in }
    OnEvent { (_, _: Google_Protobuf_Empty) in }
    Snapshots(\.nothing)
    Snapshots(\.nothing)
  }
}

private struct Nothing: CloudstateEntity {
  static let serviceName = "test.Nothing"
  static let persistenceID = "nothing"
}

private enum OtherNote: ValueEntity {
  static let serviceName = "test.OtherNote"
  static let persistenceID = "note"
  static var behavior: ValueBehavior<Google_Protobuf_StringValue> {}
}

private enum StutterNote: ValueEntity {
  static let serviceName = "test.StutterNote"
  static let persistenceID = "stutter-note"
  static var behavior: ValueBehavior<Google_Protobuf_StringValue> {
    OnCommand("Get") { (_, _: Google_Protobuf_Empty) in }
    OnCommand("Get") { (_, _: Google_Protobuf_Empty) in }
  }
}

private enum StutterBoard: ReplicatedEntity {
  static let serviceName = "test.StutterBoard"
  static let persistenceID = "stutter-board"
  static var behavior: ReplicatedBehavior<Flag> {
    OnCommand("Get") { (_, _: Google_Protobuf_Empty) in }
    OnCommand("Get") { (_, _: Google_Protobuf_Empty) in }
    OnStreamedCommand("Get") {
      (_, _: Google_Protobuf_Empty) -> StreamedAnswer<Flag, Google_Protobuf_Empty> in .open()
    }
  }
}

private struct StutterAction: Action {
  static let serviceName = "test.StutterAction"
  var methods: ActionMethods {
    OnUnary("Get") { (_, _: Google_Protobuf_Empty) in }
    OnUnary("Get") { (_, _: Google_Protobuf_Empty) in }
  }
}
