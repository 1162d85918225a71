import CloudstateModel
import TestSupport
import Testing

@Suite("Plans apply only forward, shard by shard")
struct ShardMapTests {
  let service: ServiceName
  let nodes: [NodeID]

  init() throws {
    service = try #require(ServiceName("cart"))
    nodes = try ["n1", "n2", "n3"].map { try #require(NodeID($0)) }
  }

  private func plan(
    _ number: UInt64, _ shards: [(index: UInt32, node: Int, epoch: UInt64)]
  ) -> Plan {
    Plan(
      number: number, reason: "test", createdAt: Timestamp(unixMilliseconds: 0),
      shards: shards.map {
        ShardAssignment(
          shard: ShardID(service: service, index: $0.index), primary: nodes[$0.node],
          epoch: Epoch($0.epoch))
      })
  }

  @Test func newerEpochsReplaceOlder() {
    var map = ShardMap(service: service, shardCount: 4)
    #expect(map[0] == nil)
    let first = map.apply(plan(1, [(1, 0, 1), (0, 0, 1)]))
    #expect(first.map(\.shard.index) == [0, 1])
    let second = map.apply(plan(2, [(0, 1, 2)]))
    #expect(second.map(\.shard.index) == [0])
    #expect(map[0]?.primary == nodes[1])
    #expect(map[1]?.primary == nodes[0])
    #expect(map.shards(ofPrimary: nodes[0]).map(\.index) == [1])
    #expect(map.planNumber == 2)
  }

  @Test func aPlanThatComesLateOrTwiceChangesNothing() {
    var map = ShardMap(service: service, shardCount: 4)
    _ = map.apply(plan(2, [(0, 1, 2)]))
    let late = map.apply(plan(1, [(0, 0, 1)]))
    #expect(late.isEmpty)
    let rival = map.apply(plan(2, [(0, 2, 2)]))
    #expect(rival.isEmpty, "an epoch has one assignment")
    #expect(map[0]?.primary == nodes[1])
    #expect(map.planNumber == 2)
  }

  @Test func strangersAreIgnored() throws {
    var map = ShardMap(service: service, shardCount: 4)
    let other = try #require(ServiceName("other"))
    var strange = plan(1, [(4, 0, 1), (.max, 0, 1)])
    strange.shards.append(
      ShardAssignment(
        shard: ShardID(service: other, index: 0), primary: nodes[0], epoch: Epoch(1)))
    let changed = map.apply(strange)
    #expect(changed.isEmpty)
    #expect((0...4).allSatisfy { map[$0] == nil })
    #expect(map[.max] == nil)
  }

  /// Whatever the order in which plans arrive, and however often, each shard ends with its highest epoch
  /// and never steps back on the way.
  @Test func orderOfArrivalDoesNotMatter() {
    var random = SeededGenerator(seed: testSeed("orderOfArrivalDoesNotMatter"))
    for _ in 0..<100 {
      var epochs = [UInt64](repeating: 0, count: 6)
      let plans = (1...10).map { number in
        let moved = (0..<6).filter { _ in Bool.random(using: &random) }
        return plan(
          UInt64(number),
          moved.map { index in
            epochs[index] += 1
            return (UInt32(index), Int.random(in: 0..<3, using: &random), epochs[index])
          })
      }
      var inOrder = ShardMap(service: service, shardCount: 6)
      for plan in plans { _ = inOrder.apply(plan) }
      var shuffled = ShardMap(service: service, shardCount: 6)
      var seen = [Epoch](repeating: .none, count: 6)
      for plan in (plans + plans).shuffled(using: &random) {
        for change in shuffled.apply(plan) {
          #expect(change.epoch > seen[Int(change.shard.index)])
          seen[Int(change.shard.index)] = change.epoch
        }
      }
      #expect(shuffled.assignments == inOrder.assignments)
      #expect(shuffled.planNumber == 10)
    }
  }
}
