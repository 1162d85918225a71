extension MapEntry {
  func encode(into writer: inout ByteWriter) {
    writer.append(number: UInt64(slots.count))
    for slot in slots {
      writer.append(byte: slot.kind.rawValue)
      slot.presence.encode(into: &writer)
      slot.content.encode(into: &writer)
    }
  }

  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    self.init()
    for _ in 0..<(try reader.count()) {
      let kind = try reader.kind()
      if let previous = slots.last?.kind, kind <= previous {
        throw .malformed("types out of order")
      }
      append(try Slot(kind, from: &reader))
    }
    if isEmpty { throw .malformed("a key without a value") }
  }
}

extension MapEntry.Slot {
  fileprivate init(
    _ kind: ReplicatedKind, from reader: inout ByteReader
  ) throws(ReplicatedDataFormatError) {
    let presence = try DotSet(from: &reader)
    try reader.enter()
    self.init(presence: presence, content: try ReplicatedContent(kind, from: &reader))
    reader.leave()
    if isEmpty { throw .malformed("a key without a change") }
  }
}
