extension CausalContext {
  func encode(into writer: inout ByteWriter) {
    writer.append(number: UInt64(known.count))
    for (replica, ranges) in known.sorted(by: { $0.key < $1.key }) {
      writer.append(replica.text)
      ranges.encode(into: &writer)
    }
  }

  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    self.init()
    var previous: ReplicaID?
    for _ in 0..<(try reader.count()) {
      guard let replica = ReplicaID(try reader.text()) else {
        throw .malformed("an illegal replica name")
      }
      if let previous, replica <= previous { throw .malformed("replicas out of order") }
      insert(try DotRanges(from: &reader), of: replica)
      previous = replica
    }
  }
}

extension DotRanges {
  /// Where a range may start at the earliest: between two ranges at least one number is missing.
  private var nextStart: UInt64 { isEmpty ? 1 : highest + 2 }

  fileprivate func encode(into writer: inout ByteWriter) {
    writer.append(number: UInt64(ranges.count))
    var written = DotRanges()
    for range in ranges {
      writer.append(number: range.lowerBound - written.nextStart)
      writer.append(number: range.upperBound - range.lowerBound)
      written.append(range)
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    self.init()
    let count = try reader.count()
    guard count > 0 else { throw .malformed("a replica without changes") }
    for _ in 0..<count {
      let (start, startIsOver) = nextStart.addingReportingOverflow(try reader.number())
      let (end, endIsOver) = start.addingReportingOverflow(try reader.number())
      guard !startIsOver, !endIsOver, end <= Dot.maximumNumber else {
        throw .malformed("a change number above its bound")
      }
      append(start...end)
    }
  }
}
