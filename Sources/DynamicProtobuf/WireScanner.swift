/// Bytes that break the rules of the protobuf wire format.
struct MalformedWire: Error {}

/// Reads the fields of one message in order, without knowing its type
/// (protobuf documentation, "Encoding").
struct WireScanner {
  /// The value of a field as it stands on the wire.
  enum Value: Hashable {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    /// Where the bytes of a length-delimited field lie.
    case bytes(Range<Int>)
    /// A skipped group.
    case group
  }

  /// One field.
  struct Field: Hashable {
    let number: Int32
    let value: Value
  }

  /// As in libprotobuf; keeps the stack small for hostile input.
  private static let maximumGroupDepth = 100
  private static let maximumFieldNumber: UInt64 = (1 << 29) - 1

  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The next field, or `nil` behind the last one.
  mutating func next() throws(MalformedWire) -> Field? {
    guard offset < bytes.count else { return nil }
    let tag = try readTag()
    guard tag.wireType != Self.endGroup else { throw MalformedWire() }
    return Field(number: tag.number, value: try readValue(tag, depth: 0))
  }

  private static let endGroup: UInt64 = 4

  private struct Tag {
    let number: Int32
    let wireType: UInt64
  }

  private mutating func readTag() throws(MalformedWire) -> Tag {
    let tag = try readVarint()
    let number = tag >> 3
    guard number >= 1, number <= Self.maximumFieldNumber else { throw MalformedWire() }
    return Tag(number: Int32(number), wireType: tag & 7)
  }

  private mutating func readValue(_ tag: Tag, depth: Int) throws(MalformedWire) -> Value {
    switch tag.wireType {
    case 0: return .varint(try readVarint())
    case 1: return .fixed64(UInt64(littleEndian: try load()))
    case 2:
      let count = try readVarint()
      guard count <= UInt64(bytes.count - offset) else { throw MalformedWire() }
      let start = offset
      offset += Int(count)
      return .bytes(start..<offset)
    case 3:
      try skipGroup(tag.number, depth: depth + 1)
      return .group
    case 5: return .fixed32(UInt32(littleEndian: try load()))
    default: throw MalformedWire()
    }
  }

  private mutating func skipGroup(_ number: Int32, depth: Int) throws(MalformedWire) {
    guard depth <= Self.maximumGroupDepth else { throw MalformedWire() }
    while true {
      let tag = try readTag()
      if tag.wireType == Self.endGroup {
        guard tag.number == number else { throw MalformedWire() }
        return
      }
      _ = try readValue(tag, depth: depth)
    }
  }

  private mutating func readVarint() throws(MalformedWire) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count, shift < 64 {
      let byte = bytes[offset]
      offset += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw MalformedWire()
  }

  private mutating func load<Number: FixedWidthInteger & BitwiseCopyable>()
    throws(MalformedWire) -> Number
  {
    let size = MemoryLayout<Number>.size
    guard bytes.count - offset >= size else { throw MalformedWire() }
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: Number.self)
    offset += size
    return value
  }
}

/// The content of a singular message field: all of it where it stands more than once, which the protobuf
/// encoding takes for one message. `nil` when it is not there.
func mergedMessage(_ number: Int32, in bytes: [UInt8]) throws(MalformedWire) -> [UInt8]? {
  let found = bytes.withUnsafeBytes { buffer in
    Result { () throws(MalformedWire) in try contentRanges(of: number, in: buffer) }
  }
  let ranges = try found.get()
  return ranges.isEmpty ? nil : ranges.flatMap { bytes[$0] }
}

private func contentRanges(
  of number: Int32, in bytes: UnsafeRawBufferPointer
) throws(MalformedWire) -> [Range<Int>] {
  var scanner = WireScanner(bytes)
  var ranges: [Range<Int>] = []
  while let field = try scanner.next() {
    if field.number == number, case .bytes(let range) = field.value { ranges.append(range) }
  }
  return ranges
}
