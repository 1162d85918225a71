import CloudstateSDK
import SwiftProtobuf
import Testing

@Suite struct EntityTesterTests {
  @Test("The tester stores events, snapshots and rebuilds from them")
  func storing() throws {
    var tally = try EntityTester<Tally>()
    for value in 1...4 as ClosedRange<Int64> {
      let reply = try tally.send(
        "Add", amount(value), returning: Google_Protobuf_Int64Value.self)
      #expect(reply.value == tally.state.total)
    }
    #expect(try tally.emitted(Google_Protobuf_Int64Value.self) == [amount(4)])
    #expect(tally.eventCount == 4)
    #expect(tally.snapshotSequence == 3)
    try tally.restart()
    #expect(tally.state.total == 10)
  }

  @Test("A command that fails after an event leaves the stored state")
  func restart() throws {
    var tally = try EntityTester<Tally>()
    try tally.send("Add", amount(1), returning: Google_Protobuf_Int64Value.self)
    #expect(throws: CommandFailure("changed my mind")) {
      try tally.send("AddThenFail", amount(5))
    }
    #expect(tally.wasRestarted)
    #expect(tally.state.total == 1)
    #expect(tally.eventCount == 1)
    #expect(try tally.emitted(Google_Protobuf_Int64Value.self).isEmpty)
    #expect(throws: CommandFailure("no")) {
      try tally.send("Fail", Google_Protobuf_StringValue("no"))
    }
    #expect(!tally.wasRestarted)
  }

  @Test("Mistakes of a test or an entity are faults, not failures")
  func faults() throws {
    var tally = try EntityTester<Tally>()
    #expect(throws: EntityTester<Tally>.Fault.self) { try tally.send("Nothing", amount(1)) }
    #expect(throws: EntityTester<Tally>.Fault.self) {
      try tally.send("EmitUnknown", Google_Protobuf_Empty())
    }
    #expect(throws: EntityTester<Tally>.Fault.self, "Get replies a number, not Empty") {
      try tally.send("Get", Google_Protobuf_Empty())
    }
  }
}
