/// Writes stored form. The replicas of the value's context stand for their index.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []
  private let replicaIndex: [ReplicaID: UInt64]

  /// - Parameter replicas: in order, without repetition.
  init(replicas: [ReplicaID]) {
    var index: [ReplicaID: UInt64] = [:]
    for replica in replicas { index[replica] = UInt64(index.count) }
    replicaIndex = index
  }

  mutating func append(byte: UInt8) { bytes.append(byte) }

  mutating func append(number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func append(signed number: Int64) {
    append(number: UInt64(bitPattern: number << 1 ^ number >> 63))
  }

  mutating func append(_ content: [UInt8]) {
    append(number: UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  mutating func append(_ text: String) {
    append(number: UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  mutating func append(_ element: DataElement) {
    append(element.typeURL)
    append(element.value)
  }

  /// - Precondition: The context knows the dot, as it does for every dot of its store.
  mutating func append(_ dot: Dot) {
    guard let index = replicaIndex[dot.replica] else {
      preconditionFailure("\(dot) is unknown to the context of its own value")
    }
    append(number: index)
    append(number: dot.number)
  }
}
