/// One scalar field of a message, and how its values on the wire become text.
struct KeyField: Sendable {
  /// Which bits of a wire value count, and what they mean.
  enum Form: Sendable {
    case string
    case bool
    case signed32
    case signed64
    case unsigned32
    case unsigned64
    case zigZag32
    case zigZag64
    case fixedUnsigned32
    case fixedSigned32
    case fixedUnsigned64
    case fixedSigned64
    /// Names by number. A closed enum holds no other numbers.
    case named([Int32: String], isClosed: Bool)

    /// `nil` for a field whose values have no stable text.
    init?(
      _ field: FieldDescriptor,
      enumValues: (String) -> (names: [Int32: String], isClosed: Bool)?
    ) {
      guard !field.isRepeated else { return nil }
      switch field.kind {
      case .string: self = .string
      case .bool: self = .bool
      case .int32: self = .signed32
      case .int64: self = .signed64
      case .uint32: self = .unsigned32
      case .uint64: self = .unsigned64
      case .sint32: self = .zigZag32
      case .sint64: self = .zigZag64
      case .fixed32: self = .fixedUnsigned32
      case .sfixed32: self = .fixedSigned32
      case .fixed64: self = .fixedUnsigned64
      case .sfixed64: self = .fixedSigned64
      case .enum:
        guard let name = field.typeName, let values = enumValues(name) else { return nil }
        self = .named(values.names, isClosed: values.isClosed)
      case .double, .float, .group, .message, .bytes: return nil
      }
    }
  }

  let number: Int32
  let form: Form
  let defaultText: String

  /// Whether a field on the wire is this one. With another wire type, or with a number a closed enum does
  /// not have, it is an unknown field, as for every protobuf parser.
  func accepts(_ field: WireScanner.Field) -> Bool {
    guard field.number == number else { return false }
    switch (form, field.value) {
    case (.string, .bytes): return true
    case (.fixedUnsigned32, .fixed32), (.fixedSigned32, .fixed32): return true
    case (.fixedUnsigned64, .fixed64), (.fixedSigned64, .fixed64): return true
    case (.named(let names, let isClosed), .varint(let value)):
      return !isClosed || names[Int32(truncatingIfNeeded: value)] != nil
    case (.bool, .varint), (.signed32, .varint), (.signed64, .varint), (.unsigned32, .varint),
      (.unsigned64, .varint), (.zigZag32, .varint), (.zigZag64, .varint):
      return true
    default: return false
    }
  }

  /// The text of an accepted value; `nil` is a field that is not set.
  func text(
    _ value: WireScanner.Value?, in message: UnsafeRawBufferPointer
  ) throws(MalformedWire) -> String {
    switch value {
    case .bytes(let range):
      let bytes = UnsafeRawBufferPointer(rebasing: message[range])
      guard let text = String(validating: bytes, as: UTF8.self) else { throw MalformedWire() }
      return text
    case .varint(let value): return text(varint: value)
    case .fixed32(let value):
      if case .fixedSigned32 = form { return String(Int32(bitPattern: value)) }
      return String(value)
    case .fixed64(let value):
      if case .fixedSigned64 = form { return String(Int64(bitPattern: value)) }
      return String(value)
    case .group, nil: return defaultText
    }
  }

  private func text(varint value: UInt64) -> String {
    switch form {
    case .bool: return value == 0 ? "false" : "true"
    case .signed32: return String(Int32(truncatingIfNeeded: value))
    case .signed64: return String(Int64(bitPattern: value))
    case .unsigned32: return String(UInt32(truncatingIfNeeded: value))
    case .zigZag32:
      let bits = UInt32(truncatingIfNeeded: value)
      return String(Int32(bitPattern: bits >> 1) ^ -Int32(bitPattern: bits & 1))
    case .zigZag64: return String(Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1))
    case .named(let names, _):
      let number = Int32(truncatingIfNeeded: value)
      return names[number] ?? String(number)
    default: return String(value)
    }
  }
}
