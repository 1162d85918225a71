import CloudstateModel
import ClusterSimulation
import Testing

@Suite("What readers of a shard see")
struct StreamCheckerTests {
  private func mark(_ position: UInt64, _ epoch: UInt64 = 1, hash: UInt64 = 0) -> BatchMark {
    BatchMark(position: Position(position), epoch: Epoch(epoch), hash: hash)
  }

  @Test("Pages that follow each other, and may stay behind the end")
  func good() {
    var reader = StreamChecker(name: "reader")
    #expect(reader.read([mark(1), mark(2)]) == nil)
    #expect(reader.read([]) == nil)
    #expect(reader.read([mark(3, 2)]) == nil)
    #expect(reader.position == Position(3))
    #expect(reader.violation(against: [mark(1), mark(2), mark(3, 2), mark(4, 2)]) == nil)
  }

  @Test("A gap, and a position twice")
  func gap() {
    var reader = StreamChecker(name: "reader")
    #expect(reader.read([mark(1), mark(3)])?.property == .stream)
    reader = StreamChecker(name: "reader")
    #expect(reader.read([mark(1), mark(1)])?.property == .stream)
  }

  @Test("A batch that disappears, or becomes another one")
  func disappears() {
    var reader = StreamChecker(name: "reader")
    _ = reader.read([mark(1), mark(2)])
    #expect(reader.violation(against: [mark(1)])?.property == .stream)
    #expect(reader.violation(against: [mark(1), mark(2, 3)])?.property == .stream)
    #expect(reader.violation(against: [mark(1), mark(2, hash: 9)])?.property == .stream)
  }
}
