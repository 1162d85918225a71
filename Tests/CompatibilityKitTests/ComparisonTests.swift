import CloudstateProtocol
import FoundationEssentials
import SwiftProtobuf
import TCKProtocol
import Testing

@testable import CompatibilityKit

/// The rules of section 1.5.
@Suite struct ComparisonTests {
  private typealias Messages = EventSourcedMessages

  private func expected(_ script: String) throws -> Messages.Output {
    guard case .expect(let reply)? = try EntityScript(parsing: script).steps.first else {
      throw NotationError(description: script)
    }
    return Messages.expected(reply, entityID: "entity-7", restart: false)
  }

  private func difference(
    _ script: String, _ change: (inout Cloudstate_Eventsourced_EventSourcedReply) -> Void
  ) throws -> (expected: String, received: String)? {
    let expected = try expected(script)
    var received = expected
    change(&received.reply)
    return CompatibilityKit.difference(
      expected: expected, received: Messages.canonical(received), describe: Messages.describe)
  }

  @Test("Equal messages are equal, whatever they hold")
  func equal() throws {
    for script in ["R1 \"A\" +ev(A,B)+snap(AB)+se(1)", "FW1 id", "X1 \"no\"", "R1 \"\""] {
      #expect(try difference(script) { _ in } == nil)
    }
  }

  @Test("Payloads are compared by what they say, not by their bytes")
  func serializers() throws {
    // An empty text may be written out, and a later value of a field replaces an earlier one.
    #expect(
      try difference("R1 \"\"") { $0.clientAction.reply.payload.value = Data([0x0a, 0x00]) } == nil)
    #expect(
      try difference("R1 \"\" +ev(A)") {
        $0.events[0].value = Data([0x0a, 0x01, 0x42, 0x0a, 0x01, 0x41])
      } == nil)
    let other = try #require(
      try difference("R1 \"\" +ev(A)") { $0.events[0].value = Data([0x0a, 0x01, 0x42]) })
    #expect(other == (expected: "R1 \"\" +ev(A)", received: "R1 \"\" +ev(B)"))
  }

  @Test("An unknown field in a payload or beside it is a difference")
  func unknownFields() throws {
    let inside = try #require(
      try difference("R1 \"A\"") {
        $0.clientAction.reply.payload.value = Data([0x0a, 0x01, 0x41, 0x10, 0x01])
      })
    #expect(
      inside.received == "R1 <type.googleapis.com/cloudstate.tck.model.Response, 5 bytes>")
    var bytes: [UInt8] = try expected("R1 \"A\"").reply.serializedBytes()
    bytes += [0x78, 0x01]
    let reply = try Cloudstate_Eventsourced_EventSourcedReply(serializedBytes: bytes)
    // The notation cannot tell them apart, so the fields are shown.
    let beside = try #require(try difference("R1 \"A\"") { $0 = reply })
    #expect(beside.received.contains("15: 1"))
    #expect(!beside.expected.contains("15: 1"))
  }

  @Test("A type URL of another host or type is a difference")
  func typeURLs() throws {
    for url in ["example.com/cloudstate.tck.model.Response", "type.googleapis.com/other.Response"] {
      let difference = try #require(
        try difference("R1 \"A\"") { $0.clientAction.reply.payload.typeURL = url })
      #expect(difference.received == "R1 <\(url), 3 bytes>")
    }
  }

  @Test("A field that must be absent must not be there, even empty")
  func presence() throws {
    #expect(
      try difference("R1 \"A\"") { $0.clientAction.reply.metadata = Cloudstate_Metadata() } != nil)
    #expect(try difference("R1 \"A\"") { $0.snapshot = Google_Protobuf_Any() } != nil)
    #expect(try difference("R1 \"A\"") { $0.clearClientAction() } != nil)
  }

  @Test("A forward to another service or with another id says so")
  func forwards() throws {
    let service = try #require(
      try difference("FW1 id") { $0.clientAction.forward.serviceName = "Three" })
    #expect(service == (expected: "FW1 entity-7", received: "FW1 entity-7 to Three/Call"))
    let target = try #require(
      try difference("FW1 id") {
        $0.clientAction.forward.payload = packed(
          Cloudstate_Tck_Model_Request.with { $0.id = "entity-8" })
      })
    #expect(target.received == "FW1 entity-8")
  }
}
