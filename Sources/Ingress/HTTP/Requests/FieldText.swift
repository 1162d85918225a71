import DynamicProtobuf
import GRPCTransport

/// Text of a path or a query as the value of a scalar field, in the protobuf encoding
/// (proxy behaviour, section 12.4).
enum FieldText {
  /// One serialized field, tag and value, within the messages that lead to it.
  static func encode(_ text: String, as path: FieldPath) throws(HTTPProblem) -> [UInt8] {
    guard let bytes = scalar(text, as: path.last) else {
      let name = path.fields.map(\.name).joined(separator: ".")
      throw .badRequest("'\(text)' is no \(path.last.kind) for the field \(name)")
    }
    return enclose(bytes, in: path.fields.dropLast())
  }

  /// Serialized fields within messages, of which the first is the outermost.
  static func enclose(_ bytes: [UInt8], in fields: some BidirectionalCollection<FieldDescriptor>)
    -> [UInt8]
  {
    fields.reversed().reduce(bytes) { encode($0, as: $1) }
  }

  /// One serialized field with a length: a message, a string or bytes.
  static func encode(_ content: [UInt8], as field: FieldDescriptor) -> [UInt8] {
    tag(field.number, wireType: 2) + varint(UInt64(content.count)) + content
  }

  private static func scalar(_ text: String, as field: FieldDescriptor) -> [UInt8]? {
    switch field.kind {
    case .string: encode(Array(text.utf8), as: field)
    case .bytes: bytes(text).map { encode($0, as: field) }
    case .bool: bool(text).map { number($0 ? 1 : 0, field) }
    case .int32: Int32(text).map { number(UInt64(bitPattern: Int64($0)), field) }
    case .int64: Int64(text).map { number(UInt64(bitPattern: $0), field) }
    case .uint32: UInt32(text).map { number(UInt64($0), field) }
    case .uint64: UInt64(text).map { number($0, field) }
    case .sint32: Int32(text).map { number(zigZag(Int64($0)), field) }
    case .sint64: Int64(text).map { number(zigZag($0), field) }
    case .fixed32: UInt32(text).map { fixed($0, field) }
    case .sfixed32: Int32(text).map { fixed(UInt32(bitPattern: $0), field) }
    case .fixed64: UInt64(text).map { fixed($0, field) }
    case .sfixed64: Int64(text).map { fixed(UInt64(bitPattern: $0), field) }
    case .float: decimal(text, Float.self).map { fixed($0.bitPattern, field) }
    case .double: decimal(text, Double.self).map { fixed($0.bitPattern, field) }
    case .enum, .message, .group: nil
    }
  }

  private static func bool(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true": true
    case "false": false
    default: nil
    }
  }

  /// The standard alphabet and the one for URLs, as proto3 JSON.
  private static func bytes(_ text: String) -> [UInt8]? {
    Base64.decode(
      String(
        text.map { character in
          switch character {
          case "-": "+"
          case "_": "/"
          default: character
          }
        }))
  }

  /// Numbers as JSON has them, and its three words for what is none.
  private static func decimal<Value: BinaryFloatingPoint & LosslessStringConvertible>(
    _ text: String, _ type: Value.Type
  ) -> Value? {
    switch text {
    case "NaN": return .nan
    case "Infinity": return .infinity
    case "-Infinity": return -.infinity
    default:
      guard text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }), let value = Value(text),
        value.isFinite
      else { return nil }
      return value
    }
  }

  private static func zigZag(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: (value << 1) ^ (value >> 63))
  }

  private static func number(_ value: UInt64, _ field: FieldDescriptor) -> [UInt8] {
    tag(field.number, wireType: 0) + varint(value)
  }

  private static func fixed(_ value: some FixedWidthInteger, _ field: FieldDescriptor) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { bytes in
      tag(field.number, wireType: bytes.count == 4 ? 5 : 1) + bytes
    }
  }

  private static func tag(_ number: Int32, wireType: UInt64) -> [UInt8] {
    varint(UInt64(number) << 3 | wireType)
  }

  private static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
