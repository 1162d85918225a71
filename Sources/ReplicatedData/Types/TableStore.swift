/// A type whose whole state is a table of traces.
protocol TableStore: CausalStore {
  associatedtype Value: DotValue
  var table: DotTable<Value> { get set }
}

extension TableStore {
  var isEmpty: Bool { table.isEmpty }
  func forEachDot(_ body: (Dot) -> Void) { table.forEachDot(body) }
  mutating func drop(_ dots: CausalContext) -> Int { table.drop(dots) }
  mutating func drop(_ dots: CausalContext, under part: Self) -> Int { table.drop(dots) }
  mutating func take(_ other: Self, known: CausalContext) { table.take(other.table, known: known) }
  func encode(into writer: inout ByteWriter) { table.encode(into: &writer) }

  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    self.init()
    table = try DotTable(from: &reader)
  }
}
