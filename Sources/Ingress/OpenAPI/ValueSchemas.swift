import DynamicProtobuf

/// Schemas of values that are no JSON objects of their own: scalars, and messages with a JSON form of their own
/// (protobuf documentation, "ProtoJSON Format").
enum ValueSchemas {
  static let text: JSONValue = ["type": "string"]
  static let binary: JSONValue = ["type": "string", "format": "binary"]

  /// `nil` for enums and messages.
  static func scalar(_ kind: FieldDescriptor.Kind) -> JSONValue? {
    switch kind {
    case .double: decimal("double")
    case .float: decimal("float")
    case .int64, .sint64, .sfixed64:
      ["type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"]
    case .uint64, .fixed64:
      ["type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"]
    case .int32, .sint32, .sfixed32: ["type": "integer", "format": "int32"]
    case .uint32, .fixed32:
      [
        "type": "integer", "format": "int64", "minimum": 0, "maximum": .number(Int(UInt32.max)),
      ]
    case .bool: ["type": "boolean"]
    case .string: text
    case .bytes: ["type": "string", "format": "byte"]
    case .enum, .message, .group: nil
    }
  }

  /// The form of a message of `google.protobuf` that is not made of its fields; `nil` for all others.
  static func wellKnown(_ message: String) -> JSONValue? {
    guard message.hasPrefix(package) else { return nil }
    switch message.dropFirst(package.count) {
    case "Timestamp": return ["type": "string", "format": "date-time"]
    case "Duration":
      return ["type": "string", "pattern": "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$"]
    case "FieldMask":
      return ["type": "string", "description": "Names of fields with commas between."]
    case "Struct": return ["type": "object"]
    case "ListValue": return ["type": "array", "items": [:]]
    case "Value": return ["nullable": true]
    case "Any":
      return [
        "type": "object", "properties": ["@type": text], "additionalProperties": true,
        "description": "A message of any type, which @type names by its URL.",
      ]
    case "Empty": return ["type": "object"]
    case let name: return wrapped(name).flatMap(scalar)?.with("nullable", true)
    }
  }

  private static let package = "google.protobuf."

  private static func wrapped(_ name: Substring) -> FieldDescriptor.Kind? {
    switch name {
    case "DoubleValue": .double
    case "FloatValue": .float
    case "Int64Value": .int64
    case "UInt64Value": .uint64
    case "Int32Value": .int32
    case "UInt32Value": .uint32
    case "BoolValue": .bool
    case "StringValue": .string
    case "BytesValue": .bytes
    default: nil
    }
  }

  /// What JSON has no numbers for are words.
  private static func decimal(_ format: String) -> JSONValue {
    [
      "oneOf": [
        ["type": "number", "format": .string(format)],
        ["type": "string", "enum": ["NaN", "Infinity", "-Infinity"]],
      ]
    ]
  }
}
