import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf
import Testing

@Suite("Key texts")
struct EntityKeyExtractorTests {
  private static let scalars:
    [(type: FieldProto.TypeEnum, values: [(json: String, text: String)])] =
      [
        (.string, [("\"\"", ""), ("\"ä-b\"", "ä-b")]),
        (.bool, [("false", "false"), ("true", "true")]),
        (.int32, [("0", "0"), ("-2147483648", "-2147483648"), ("2147483647", "2147483647")]),
        (.sint32, [("-1", "-1"), ("-2147483648", "-2147483648"), ("2147483647", "2147483647")]),
        (.sfixed32, [("-1", "-1"), ("2147483647", "2147483647")]),
        (.uint32, [("0", "0"), ("4294967295", "4294967295")]),
        (.fixed32, [("0", "0"), ("4294967295", "4294967295")]),
        (.int64, [("-1", "-1"), ("\"-9223372036854775808\"", "-9223372036854775808")]),
        (.sint64, [("-1", "-1"), ("\"-9223372036854775808\"", "-9223372036854775808")]),
        (.sfixed64, [("-1", "-1"), ("\"9223372036854775807\"", "9223372036854775807")]),
        (.uint64, [("0", "0"), ("\"18446744073709551615\"", "18446744073709551615")]),
        (.fixed64, [("0", "0"), ("\"18446744073709551615\"", "18446744073709551615")]),
      ]

  private func pool(_ fields: FieldProto..., syntax: String = "proto3") throws -> DescriptorPool {
    var message = makeMessage("M")
    message.field = fields
    var file = makeFile("a.proto", messages: [message])
    file.syntax = syntax
    file.enumType = [
      .with {
        $0.name = "Color"
        $0.options.allowAlias = true
        $0.value = ([("RED", 0), ("BLUE", 5), ("AZURE", 5)] as [(String, Int32)]).map {
          name, number in
          .with {
            $0.name = name
            $0.number = number
          }
        }
      }
    ]
    return try DescriptorPool(files: [file.bytes()])
  }

  private func key(
    _ pool: DescriptorPool, _ numbers: [Int32], _ message: [UInt8]
  ) throws -> String {
    let extractor = try pool.keyExtractor(message: "test.M", fieldNumbers: numbers)
    return try message.withUnsafeBytes { try extractor.key(of: $0) }
  }

  @Test("every scalar type has its text, zero included")
  func scalarTypes() throws {
    for (type, values) in Self.scalars {
      let pool = try pool(makeField("f", 7, type))
      for (json, text) in values {
        let message = try pool.binary(fromJSON: "{\"f\":\(json)}", message: "test.M")
        #expect(try key(pool, [7], message) == text, "\(type) \(json)")
      }
    }
  }

  @Test("an enum has the first name of its value, an unknown value its number")
  func enums() throws {
    let pool = try pool(makeField("c", 1, .enum, typeName: ".test.Color"))
    #expect(try key(pool, [1], []) == "RED")
    #expect(try key(pool, [1], [8, 5]) == "BLUE")
    #expect(try key(pool, [1], [8, 9]) == "9")
  }

  @Test("a closed enum ignores numbers it does not have")
  func closedEnum() throws {
    let pool = try pool(makeField("c", 1, .enum, typeName: ".test.Color"), syntax: "proto2")
    #expect(try key(pool, [1], [8, 5, 8, 9]) == "BLUE")
  }

  @Test("declared defaults count for fields that are not set")
  func declaredDefault() throws {
    var name = makeField("n", 1)
    name.defaultValue = "nobody"
    var number = makeField("i", 2, .int32)
    number.defaultValue = "42"
    let pool = try pool(name, number, syntax: "proto2")
    #expect(try key(pool, [1, 2], []) == "nobody-42")
    #expect(try key(pool, [1, 2], [10, 0]) == "-42")
  }

  @Test("several fields are joined in the order of declaration")
  func several() throws {
    let pool = try pool(makeField("b", 2), makeField("a", 1), makeField("i", 3, .int32))
    let message = try pool.binary(fromJSON: #"{"a":"A","b":"B","i":-3}"#, message: "test.M")
    #expect(try key(pool, [1, 2, 3], message) == "B-A--3")
    #expect(try key(pool, [1, 3], message) == "A--3")
    #expect(try key(pool, [], message) == "")
  }

  @Test("the last value counts; unknown fields, groups and other wire types are skipped")
  func wireRules() throws {
    let pool = try pool(makeField("a", 1))
    let first: [UInt8] = [10, 1, 0x61]
    let last: [UInt8] = [10, 1, 0x62]
    #expect(try key(pool, [1], first + last) == "b")
    // A group 3 that holds a field 1 and a group 4, fixed values 5 and 6, a varint 1.
    let unknown: [UInt8] =
      [0x1b, 10, 1, 0x7a, 0x23, 0x24, 0x1c, 0x2d, 1, 2, 3, 4, 0x31, 1, 2, 3, 4, 5, 6, 7, 8, 8, 1]
    #expect(try key(pool, [1], unknown + first + unknown) == "a")
  }

  @Test(
    "malformed messages are refused",
    arguments: [
      [10], [10, 2, 0x61], [10, 1, 0xff], [0x80], [0, 0], [0x0c], [0x0b], [0x0b, 0x14], [0x0f, 1],
      [0x0d, 1, 2, 3], [0x09, 1, 2, 3, 4, 5, 6, 7],
      [8] + Array(repeating: 0xff, count: 10) + [1],
      Array(repeating: 0x0b, count: 100_000),
      [10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    ] as [[UInt8]])
  func malformed(message: [UInt8]) throws {
    let pool = try pool(makeField("a", 1))
    let error = #expect(throws: TranscodingError.self) { try key(pool, [1], message) }
    #expect(error?.kind == .malformedBinary)
  }

  @Test("types without a stable text are refused by name")
  func illegalTypes() throws {
    let pool = try pool(
      makeField("d", 1, .double), makeField("f", 2, .float), makeField("b", 3, .bytes),
      makeField("m", 4, .message, typeName: ".test.M"), makeField("r", 5, repeated: true))
    for (number, type) in [
      (1, "double"), (2, "float"), (3, "bytes"), (4, "message"), (5, "repeated string"),
    ] as [(Int32, String)] {
      let error = #expect(throws: DescriptorError.self) {
        try pool.keyExtractor(message: "test.M", fieldNumbers: [number])
      }
      #expect(error?.kind == .invalid)
      #expect(error?.message.contains("has the type \(type),") == true)
    }
    let unknown = #expect(throws: DescriptorError.self) {
      try pool.keyExtractor(message: "test.M", fieldNumbers: [99])
    }
    #expect(unknown?.kind == .invalid)
    let nothing = #expect(throws: DescriptorError.self) {
      try pool.keyExtractor(message: "test.Nothing", fieldNumbers: [1])
    }
    #expect(nothing?.kind == .noSuchMessage)
  }
}
