import SwiftProtobuf
import Testing

@testable import CloudstateSDK

@Suite struct ServiceCheckTests {
  private func problems(
    of entities: [HostedEntity] = [HostedEntity(Tally.self)], in descriptors: [UInt8]
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
    let tally = HostedEntity(Tally.self)
    #expect(try problems(of: [tally, tally], in: descriptors()).count == 2)
    #expect(try problems(of: [], in: descriptors()) == ["The server hosts no entity."])
  }

  @Test("What a behavior declares twice is named")
  func duplicates() throws {
    #expect(
      HostedEntity(Stutter.self).duplicates == [
        "command Get", "event google.protobuf.Empty", "Snapshots",
      ])
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
