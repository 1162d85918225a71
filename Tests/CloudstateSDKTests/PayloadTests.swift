import FoundationEssentials
public import SwiftProtobuf
import Testing

@testable public import CloudstateSDK

extension Google_Protobuf_Duration: Payload {}

/// Values as elements and events, byte by byte (protocol section 8).
@Suite struct PayloadTests {
  private struct Renamed: JSONPayload, Hashable {
    var name: String
    var by = "me"
  }

  private func encoded(_ payload: some Payload) throws -> (String, [UInt8]) {
    let any = try Google_Protobuf_Any(encoding: payload)
    return (any.typeURL, Array(any.value))
  }

  @Test("Primitives are field 1 of a message, and defaults are no bytes")
  func primitives() throws {
    #expect(try encoded("hi") == ("p.cloudstate.io/string", [0x0a, 2, 0x68, 0x69]))
    #expect(try encoded([7, 0] as [UInt8]) == ("p.cloudstate.io/bytes", [0x0a, 2, 7, 0]))
    #expect(try encoded(Int32(-1)).0 == "p.cloudstate.io/int32")
    #expect(try encoded(Int64(300)) == ("p.cloudstate.io/int64", [0x08, 0xac, 2]))
    #expect(try encoded(true) == ("p.cloudstate.io/bool", [0x08, 1]))
    #expect(try encoded(Float(1)) == ("p.cloudstate.io/float", [0x0d, 0, 0, 0x80, 0x3f]))
    #expect(
      try encoded(2.0) == ("p.cloudstate.io/double", [0x09, 0, 0, 0, 0, 0, 0, 0, 0x40]))
    #expect(try encoded("").1 == [])
    #expect(try encoded([UInt8]()).1 == [])
    #expect(try encoded(Int32(0)).1 == [])
    #expect(try encoded(Int64(0)).1 == [])
    #expect(try encoded(false).1 == [])
    #expect(try encoded(-Float.zero).1 == [])
    #expect(try encoded(-Double.zero).1 == [])
  }

  private func survives<Value: Payload & Equatable>(_ value: Value) throws {
    #expect(try Google_Protobuf_Any(encoding: value).payload(Value.self) == value)
  }

  @Test("What was written is read")
  func roundTrips() throws {
    try survives("hi")
    try survives("")
    try survives([1, 2] as [UInt8])
    try survives(Int32.min)
    try survives(Int64.max)
    try survives(true)
    try survives(Float(1.5))
    try survives(-2.5)
    try survives(Renamed(name: "a/ä"))
    try survives(Google_Protobuf_Duration(seconds: 7))
  }

  @Test("Unknown fields are skipped; other types and unreadable bytes are refused")
  func reading() throws {
    var any = try Google_Protobuf_Any(encoding: "hi")
    any.value += [0x10, 1]
    #expect(try any.payload(String.self) == "hi")
    #expect(throws: PayloadError.self) { try any.payload([UInt8].self) }
    #expect(throws: PayloadError.self) { try any.payload(Renamed.self) }
    any.value = Data([0x0a, 9])
    #expect(throws: PayloadError.self) { try any.payload(String.self) }
    any.typeURL = "json.cloudstate.io/Renamed"
    any.value = Data([0x0a, 1, 0x7b])
    #expect(throws: PayloadError.self) { try any.payload(Renamed.self) }
  }

  @Test("Messages are named by their type, whatever the host")
  func messages() throws {
    let duration = Google_Protobuf_Duration(seconds: 7)
    var any = try Google_Protobuf_Any(encoding: duration)
    #expect(any.typeURL == "type.googleapis.com/google.protobuf.Duration")
    any.typeURL = "example.com/google.protobuf.Duration"
    #expect(try any.payload(Google_Protobuf_Duration.self) == duration)
    any.typeURL = "type.googleapis.com/google.protobuf.Timestamp"
    #expect(throws: PayloadError.self) { try any.payload(Google_Protobuf_Duration.self) }
  }

  @Test("JSON is compact, sorted, and read under any name")
  func json() throws {
    let (url, bytes) = try encoded(Renamed(name: "a/b"))
    #expect(url == "json.cloudstate.io/Renamed")
    #expect(bytes == [0x0a, 24] + Array(#"{"by":"me","name":"a/b"}"#.utf8))
    var any = try Google_Protobuf_Any(encoding: Renamed(name: "a"))
    any.typeURL = "json.cloudstate.io/object"
    #expect(try any.payload(Renamed.self).name == "a")
  }

  @Test("Events may be JSON and primitives")
  func events() throws {
    var diary = try EntityTester<Diary>()
    try diary.send("Write", text("a"))
    try diary.send("Write", text("b"))
    #expect(diary.state.lines == ["a", "b", "!"])
    try diary.restart()
    #expect(diary.state.lines == ["a", "b", "!"])
    #expect(try diary.emitted(Diary.Line.self) == [Diary.Line(text: "b")])
    #expect(try diary.emitted(String.self) == ["!"])
    #expect(throws: TesterFault.self) { try diary.send("Misuse", Google_Protobuf_Empty()) }
  }
}

/// An entity with events that are no messages.
private struct Diary: EventSourcedEntity {
  struct Line: JSONPayload, Equatable { var text: String }

  static let serviceName = "test.Diary"
  static let persistenceID = "diary"
  var lines: [String] = []

  static var behavior: Behavior<Self> {
    OnCommand("Write") { (context, command: Google_Protobuf_StringValue) in
      context.emit(Line(text: command.value))
      if context.state.lines.count == 2 { context.emit("!") }
    }
    OnCommand("Misuse") { (context, _: Google_Protobuf_Empty) in context.emit(true) }
    OnEvent { (diary, line: Line) in diary.lines.append(line.text) }
    OnEvent { (diary, mark: String) in diary.lines.append(mark) }
  }
}
