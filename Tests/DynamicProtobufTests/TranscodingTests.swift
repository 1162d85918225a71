import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf
import Testing

@Suite("Binary and JSON")
struct TranscodingTests {
  private let pool: DescriptorPool

  init() throws {
    pool = try DescriptorPool(fileDescriptorSet: WellKnownDescriptors.fileDescriptorSet)
  }

  @Test(
    "JSON survives the way to binary and back",
    arguments: [
      ("cloudstate.Command", #"{"entityId":"ä \"b\"","id":"9007199254740993","streamed":true}"#),
      ("cloudstate.Metadata", #"{"entries":[{"key":"a","bytesValue":"AAEC"},{"key":"a"}]}"#),
      (
        "cloudstate.Reply",
        #"{"payload":{"@type":"type.googleapis.com/cloudstate.Entity","serviceName":"s"}}"#
      ),
      (
        "google.api.HttpBody",
        #"{"extensions":[{"@type":"type.googleapis.com/google.protobuf.Timestamp","#
          + #""value":"2021-02-03T04:05:06.789Z"}]}"#
      ),
      ("google.protobuf.Duration", #""1.500s""#),
      ("google.protobuf.Struct", #"{"a":[1,null,{"b":"c"}]}"#),
      ("cloudstate.crdt.CrdtStateAction", #"{"writeConsistency":"MAJORITY"}"#),
      ("cloudstate.crdt.CrdtDelta", #"{"pncounter":{"change":"-5"}}"#),
    ])
  func roundTrip(message: String, json: String) throws {
    let binary = try pool.binary(fromJSON: json, message: message)
    #expect(try pool.json(fromBinary: binary, message: message, printDefaults: false) == json)
  }

  @Test("binary agrees with swift-protobuf")
  func agrees() throws {
    let command = Cloudstate_Command.with {
      $0.entityID = "e"
      $0.id = -1
      $0.streamed = true
    }
    let binary = try pool.binary(
      fromJSON: #"{"entity_id":"e","id":-1,"streamed":true}"#, message: "cloudstate.Command")
    #expect(try Cloudstate_Command(serializedBytes: binary) == command)
    #expect(
      try pool.json(
        fromBinary: command.serializedBytes(), message: "cloudstate.Command", printDefaults: false)
        == #"{"entityId":"e","id":"-1","streamed":true}"#)
  }

  @Test("the canonical form merges what stands behind each other, in the order of field numbers")
  func canonical() throws {
    func command(_ change: (inout Cloudstate_Command) -> Void) throws -> [UInt8] {
      try Cloudstate_Command.with(change).serializedBytes()
    }
    let parts =
      try command { ($0.id, $0.entityID) = (1, "first") }
      + command { $0.metadata.entries = [.with { $0.key = "a" }] }
      + command { $0.metadata.entries = [.with { $0.key = "b" }] }
      + command { $0.entityID = "second" }
    let canonical = try pool.canonicalBinary(parts, message: "cloudstate.Command")
    #expect(try Cloudstate_Command(serializedBytes: canonical).metadata.entries.count == 2)
    #expect(try Cloudstate_Command(serializedBytes: canonical).entityID == "second")
    #expect(try pool.canonicalBinary(canonical, message: "cloudstate.Command") == canonical)
    #expect(try pool.canonicalBinary([], message: "cloudstate.Command").isEmpty)
    #expect(throws: TranscodingError.self) {
      try pool.canonicalBinary([0x0a, 0xff], message: "cloudstate.Command")
    }
  }

  @Test("one field is printed by itself, whatever stands beside it")
  func fields() throws {
    let message = "cloudstate.ServiceInfo"
    let binary = try pool.binary(
      fromJSON: #"{"serviceName":"a\"},{\\","serviceVersion":"\"serviceRuntime\":1"}"#,
      message: message)
    for (name, json) in [
      ("service_name", #""a\"},{\\""#), ("service_version", #""\"serviceRuntime\":1""#),
      ("service_runtime", "\"\""), ("protocol_major_version", "0"),
    ] {
      let type = try #require(pool.message(named: message))
      let field = try #require(type.fields.first { $0.name == name })
      #expect(try pool.json(of: field, fromBinary: binary, message: message) == json)
    }
    let reply = try #require(pool.message(named: "cloudstate.Reply"))
    #expect(
      try pool.json(of: reply.fields[1], fromBinary: [], message: "cloudstate.Reply")
        == #"{"entries":[]}"#)
  }

  @Test("defaults are printed on demand")
  func defaults() throws {
    let json = try pool.json(
      fromBinary: [], message: "cloudstate.Failure", printDefaults: true)
    #expect(json == #"{"commandId":"0","description":"","restart":false}"#)
    #expect(
      try pool.json(fromBinary: [], message: "cloudstate.Failure", printDefaults: false) == "{}")
  }

  @Test("truncated binary is refused, also inside an embedded message")
  func truncated() throws {
    let command = try Cloudstate_Command.with {
      $0.name = "name"
      $0.payload = .with { $0.typeURL = "type.googleapis.com/cloudstate.Entity" }
    }.bytes()
    for count in [1, 3, command.count - 1] {
      let error = #expect(throws: TranscodingError.self) {
        try pool.json(
          fromBinary: Array(command.prefix(count)), message: "cloudstate.Command",
          printDefaults: false)
      }
      #expect(error?.kind == .malformedBinary)
    }
    let inner = #expect(throws: TranscodingError.self) {
      try pool.json(
        fromBinary: [0x22, 3, 0x0a, 5, 0x61], message: "cloudstate.Command", printDefaults: false)
    }
    #expect(inner?.kind == .malformedBinary)
  }

  @Test("a field that occurs twice is printed once, embedded messages are merged, also in an Any")
  func repeatedOccurrences() throws {
    let twice: [UInt8] = [0x0a, 1, 0x61, 0x10, 1, 0x10, 2, 0x0a, 1, 0x62]
    #expect(
      try pool.json(fromBinary: twice, message: "cloudstate.Command", printDefaults: false)
        == #"{"entityId":"b","id":"2"}"#)
    let reply = try Cloudstate_Reply.with {
      $0.payload.typeURL = "type.googleapis.com/cloudstate.Command"
      $0.payload.value.append(contentsOf: twice)
    }.bytes()
    #expect(
      try pool.json(fromBinary: reply, message: "cloudstate.Reply", printDefaults: false)
        == #"{"payload":{"@type":"type.googleapis.com/cloudstate.Command","#
        + #""entityId":"b","id":"2"}}"#)
  }

  @Test("a malformed message in an Any has no JSON form")
  func malformedContent() throws {
    let reply = try Cloudstate_Reply.with {
      $0.payload.typeURL = "type.googleapis.com/cloudstate.Command"
      $0.payload.value.append(contentsOf: [0x0a, 5, 0x61])
    }.bytes()
    let error = #expect(throws: TranscodingError.self) {
      try pool.json(fromBinary: reply, message: "cloudstate.Reply", printDefaults: false)
    }
    #expect(error?.kind == .unprintable)
  }

  @Test("of map entries with the same key the last one is printed")
  func repeatedKeys() throws {
    let first = try pool.binary(fromJSON: #"{"a":1,"b":2}"#, message: "google.protobuf.Struct")
    let second = try pool.binary(fromJSON: #"{"a":3}"#, message: "google.protobuf.Struct")
    #expect(
      try pool.json(
        fromBinary: first + second, message: "google.protobuf.Struct", printDefaults: false)
        == #"{"b":2,"a":3}"#)
  }

  @Test("a proto2 group has no JSON form, and no JSON becomes one")
  func groups() throws {
    var part = makeField("part", 1, .group, typeName: ".test.M.Part")
    part.label = .optional
    var message = makeMessage("M", part, makeField("a", 2))
    message.nestedType = [makeMessage("Part", makeField("a", 2))]
    var file = makeFile("m.proto", messages: [message])
    file.syntax = "proto2"
    let pool = try DescriptorPool(fileDescriptorSet: try makeSet(file))
    #expect(throws: TranscodingError.self) {
      try pool.binary(fromJSON: #"{"part":{"a":"x"}}"#, message: "test.M")
    }
    // Start of group 1, its field 2, its end.
    let binary: [UInt8] = [0x0b, 0x12, 1, 0x78, 0x0c]
    #expect(
      throws: TranscodingError(
        .unprintable, "test.M has no JSON form: the group test.M.part has no JSON form")
    ) {
      try pool.json(fromBinary: binary, message: "test.M", printDefaults: false)
    }
    let other = try pool.binary(fromJSON: #"{"a":"x"}"#, message: "test.M")
    #expect(
      try pool.json(fromBinary: other, message: "test.M", printDefaults: false) == #"{"a":"x"}"#)
  }

  @Test("an Any of an unknown type has no JSON form")
  func unknownAny() throws {
    let reply = try Cloudstate_Reply.with {
      $0.payload = .with {
        $0.typeURL = "type.googleapis.com/no.Type"
        $0.value.append(contentsOf: [8, 1])
      }
    }.bytes()
    let error = #expect(throws: TranscodingError.self) {
      try pool.json(fromBinary: reply, message: "cloudstate.Reply", printDefaults: false)
    }
    #expect(error?.kind == .unprintable)
  }

  @Test(
    "errors name the place and the nearest word",
    arguments: [
      (
        "cloudstate.Entity", #"{"entityTyp":"x"}"#,
        #"unknown field "entityTyp" of cloudstate.Entity; did you mean "entityType"?"#
      ),
      (
        "cloudstate.EntitySpec", #"{"entities":[{},{"servicName":""}]}"#,
        #"unknown field "servicName" of cloudstate.Entity at entities[1]; "#
          + #"did you mean "serviceName"?"#
      ),
      (
        "cloudstate.Entity", #"{"zzzzzzzz":1}"#,
        #"unknown field "zzzzzzzz" of cloudstate.Entity"#
      ),
      ("cloudstate.Command", #"{"id":1.5}"#, "field id: 1.5 is not a valid int64"),
      (
        "cloudstate.crdt.GCounterDelta", #"{"increment":"18446744073709551616"}"#,
        #"field increment: "18446744073709551616" is not a valid uint64"#
      ),
      (
        "cloudstate.EntitySpec", #"{"serviceInfo":7}"#,
        "field service_info: 7 is not a valid cloudstate.ServiceInfo"
      ),
      (
        "cloudstate.crdt.CrdtStateAction", #"{"writeConsistency":"MAJORIT"}"#,
        #"field write_consistency: "MAJORIT" is not a valid "#
          + #"cloudstate.crdt.CrdtWriteConsistency; did you mean "MAJORITY"?"#
      ),
      ("cloudstate.Entity", "[]", "the JSON of a cloudstate.Entity must be an object"),
      ("no.Such", "{}", "there is no message no.Such"),
    ])
  func errors(message: String, json: String, expected: String) {
    let error = #expect(throws: TranscodingError.self) {
      try pool.binary(fromJSON: json, message: message)
    }
    #expect(error?.message == expected)
  }

  @Test("unknown fields and unknown messages have kinds of their own")
  func kinds() {
    let field = #expect(throws: TranscodingError.self) {
      try pool.binary(fromJSON: #"{"x":1}"#, message: "cloudstate.Entity")
    }
    #expect(field?.kind == .unknownField)
    let message = #expect(throws: TranscodingError.self) {
      try pool.json(fromBinary: [], message: "cloudstate", printDefaults: false)
    }
    #expect(message?.kind == .noSuchMessage)
  }
}
