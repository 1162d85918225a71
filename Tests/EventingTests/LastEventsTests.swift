import CloudstateModel
import Eventing
import ShardStore
import TestSupport
import Testing

@Suite struct LastEventsTests {
  @Test("A scan finds the last matches of any stream, in pages of any size")
  func scanFindsLast() throws {
    var random = SeededGenerator(seed: testSeed("last events scan"))
    let pattern = try #require(SubjectPattern("cs.evt.cart.*.*.Added"))
    let filter = SubjectFilter(patterns: [pattern], service: try testService())
    for _ in 0..<25 {
      let length = UInt64.random(in: 0...900, using: &random)
      let density = Int.random(in: 1...200, using: &random)
      let stream = (0..<length).map { index in
        batch(
          index + 1,
          types: (0..<Int.random(in: 0...2, using: &random)).map { _ in
            Int.random(in: 0..<density, using: &random) == 0 ? "Added" : "Removed"
          })
      }
      let wanted = Int.random(in: 1...20, using: &random)
      var scan = LastEventsScan(wanted: wanted, end: Position(length))
      while let after = scan.nextRead {
        let page = stream.dropFirst(Int(after.number)).prefix(
          Int.random(in: 1...90, using: &random))
        scan.accept(Array(page), of: 0, filter: filter)
      }
      let all = stream.flatMap { batch in
        filter.matches(in: batch, of: 0).map {
          EventAddress(position: $0.position, index: $0.index, time: batch.time)
        }
      }
      #expect(scan.result == all.suffix(wanted))
    }
  }

  @Test("A stream whose end is missing ends the scan")
  func missingEnd() throws {
    let filter = SubjectFilter(patterns: [], service: try testService())
    var scan = LastEventsScan(wanted: 2, end: Position(5))
    scan.accept([batch(1, types: ["A"])], of: 0, filter: filter)
    #expect(scan.nextRead == Position(1))
    scan.accept([], of: 0, filter: filter)
    #expect(scan.nextRead == nil)
    #expect(scan.result.map(\.position) == [Position(1)])
  }

  @Test("The newest events of all shards are chosen, always the last ones of each shard")
  func choice() {
    func address(_ position: UInt64, _ time: Int64) -> EventAddress {
      EventAddress(
        position: Position(position), index: 0, time: Timestamp(unixMilliseconds: time))
    }
    let candidates: [UInt32: [EventAddress]] = [
      0: [address(1, 10), address(2, 40)],
      // The clock of a former owner was ahead: position 1 must not be chosen without 2.
      1: [address(1, 90), address(2, 30)],
      2: [],
    ]
    let one = firstOfLastEvents(1, among: candidates)
    #expect(one.mapValues(\.position) == [0: Position(2)])
    let two = firstOfLastEvents(2, among: candidates)
    #expect(two.mapValues(\.position) == [0: Position(2), 1: Position(2)])
    let all = firstOfLastEvents(9, among: candidates)
    #expect(all.mapValues(\.position) == [0: Position(1), 1: Position(1)])
  }
}
