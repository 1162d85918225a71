/// Reads stored form, and refuses what ``ByteWriter`` would not have written.
struct ByteReader {
  private let bytes: [UInt8]
  private var offset = 0
  private var dotsRead: Set<Dot> = []
  private var depth = 0
  private var replicas: [ReplicaID] = []

  /// Dots are read against this.
  var context = CausalContext() {
    didSet { replicas = context.replicas }
  }

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func byte() throws(ReplicatedDataFormatError) -> UInt8 {
    guard offset < bytes.count else { throw .truncated }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func number() throws(ReplicatedDataFormatError) -> UInt64 {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      // The tenth byte has room for one bit.
      guard shift < 63 || byte <= 1 else { throw .malformed("a number above 64 bits") }
      number |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 {
        guard byte != 0 || shift == 0 else { throw .malformed("a number in a longer form") }
        return number
      }
      shift += 7
    }
  }

  mutating func signed() throws(ReplicatedDataFormatError) -> Int64 {
    let number = try number()
    return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
  }

  /// How many entries follow. No more can than there are bytes left.
  mutating func count() throws(ReplicatedDataFormatError) -> Int {
    let number = try number()
    guard number <= UInt64(bytes.count - offset) else { throw .truncated }
    return Int(number)
  }

  mutating func counted() throws(ReplicatedDataFormatError) -> [UInt8] {
    let end = try count() + offset
    defer { offset = end }
    return Array(bytes[offset..<end])
  }

  mutating func text() throws(ReplicatedDataFormatError) -> String {
    guard let text = String(validating: try counted(), as: UTF8.self) else {
      throw .malformed("a text that is not UTF-8")
    }
    return text
  }

  /// An element that stands after `previous` in its list.
  mutating func element(
    after previous: DataElement?
  ) throws(ReplicatedDataFormatError) -> DataElement {
    let element = try element()
    if let previous, element <= previous { throw .malformed("elements out of order") }
    return element
  }

  mutating func element() throws(ReplicatedDataFormatError) -> DataElement {
    DataElement(typeURL: try text(), value: try counted())
  }

  mutating func dot() throws(ReplicatedDataFormatError) -> Dot {
    let index = try number()
    guard index < UInt64(replicas.count) else { throw .malformed("a change of no replica") }
    let dot = Dot(replica: replicas[Int(index)], number: try number())
    guard context.contains(dot) else { throw .malformed("a change that its context misses") }
    guard dotsRead.insert(dot).inserted else { throw .malformed("a change in two places") }
    return dot
  }

  mutating func kind() throws(ReplicatedDataFormatError) -> ReplicatedKind {
    try ReplicatedKind(tag: try byte())
  }

  /// Counts a store that lies in another.
  mutating func enter() throws(ReplicatedDataFormatError) {
    depth += 1
    guard depth < ReplicatedLimits.maximumDepth else { throw .tooDeep }
  }

  mutating func leave() { depth -= 1 }

  func expectEnd() throws(ReplicatedDataFormatError) {
    guard offset == bytes.count else { throw .malformed("bytes behind its end") }
  }
}

extension ReplicatedKind {
  init(tag: UInt8) throws(ReplicatedDataFormatError) {
    guard let kind = ReplicatedKind(rawValue: tag) else {
      throw .malformed("a value of unknown type \(tag)")
    }
    self = kind
  }
}
