extension DotTable {
  func encode(into writer: inout ByteWriter) {
    writer.append(number: UInt64(entries.count))
    for entry in entries {
      writer.append(entry.dot)
      entry.value.encode(into: &writer, dot: entry.dot)
    }
  }

  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    self.init()
    for _ in 0..<(try reader.count()) {
      let dot = try reader.dot()
      if let previous = entries.last, dot <= previous.dot {
        throw .malformed("changes out of order")
      }
      self[dot] = try Value(from: &reader, dot: dot)
    }
  }

  init(nonemptyFrom reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    try self.init(from: &reader)
    if isEmpty { throw .malformed("an element without a change") }
  }
}

extension Presence {
  func encode(into writer: inout ByteWriter, dot: Dot) {}
  init(from reader: inout ByteReader, dot: Dot) throws(ReplicatedDataFormatError) {}
}

extension CounterShare {
  func encode(into writer: inout ByteWriter, dot: Dot) {
    writer.append(number: dot.number - first)
    amount.encode(into: &writer)
  }

  init(from reader: inout ByteReader, dot: Dot) throws(ReplicatedDataFormatError) {
    let span = try reader.number()
    guard span < dot.number else { throw .malformed("a share that starts before the first change") }
    self.init(first: dot.number - span, amount: try Amount(from: &reader))
  }
}

extension UInt64 {
  func encode(into writer: inout ByteWriter) { writer.append(number: self) }
  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    self = try reader.number()
  }
}

extension Int64 {
  func encode(into writer: inout ByteWriter) { writer.append(signed: self) }
  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    self = try reader.signed()
  }
}

extension LWWRegister.Write {
  func encode(into writer: inout ByteWriter, dot: Dot) {
    writer.append(signed: timestamp)
    writer.append(value)
  }

  init(from reader: inout ByteReader, dot: Dot) throws(ReplicatedDataFormatError) {
    self.init(timestamp: try reader.signed(), value: try reader.element())
  }
}

extension Vote.Ballot {
  func encode(into writer: inout ByteWriter, dot: Dot) { writer.append(byte: isYes ? 1 : 0) }

  init(from reader: inout ByteReader, dot: Dot) throws(ReplicatedDataFormatError) {
    switch try reader.byte() {
    case 0: self.init(isYes: false)
    case 1: self.init(isYes: true)
    default: throw .malformed("a vote that is neither yes nor no")
    }
  }
}
