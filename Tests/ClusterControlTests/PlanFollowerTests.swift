import CloudstateModel
import Testing

@testable import ClusterControl

/// Which plans a node goes by after it was started anew.
struct PlanFollowerTests {
  private let service: ServiceName
  private let (a, b): (NodeID, NodeID)

  init() throws {
    service = try #require(ServiceName("cart"))
    (a, b) = (try #require(NodeID("a")), try #require(NodeID("b")))
  }

  private func assignment(
    _ index: UInt32, _ replicas: [NodeID], inSync: [NodeID], epoch: UInt64
  ) -> ShardAssignment {
    ShardAssignment(
      shard: ShardID(service: service, index: index), primary: a, replicas: replicas,
      inSync: inSync, epoch: Epoch(epoch))
  }

  private func change(
    _ all: [ShardAssignment], changed: [ShardAssignment], moves: [ShardMove] = [],
    isReachable: Bool, refusal: String? = nil
  ) -> ClusterChange {
    var map = ShardMap(service: service, shardCount: 8)
    _ = map.apply(
      Plan(number: 1, reason: "", createdAt: Timestamp(unixMilliseconds: 0), shards: all))
    return ClusterChange(
      snapshot: ClusterSnapshot(
        shardMap: map, members: [:], planNumber: 1, moves: moves,
        coordinatorReachable: isReachable, refusal: refusal),
      assignments: changed)
  }

  @Test("Where the last run may have offered a replica, the kept plan waits for the coordinator")
  func waits() {
    var follower = PlanFollower()
    let kept = [
      assignment(0, [b], inSync: [], epoch: 4), assignment(1, [b], inSync: [b], epoch: 4),
      assignment(2, [], inSync: [], epoch: 4),
    ]
    #expect(
      follower.assignments(after: change(kept, changed: kept, isReachable: false))
        == [kept[1], kept[2]])
    // A coordinator that does not accept this node says nothing of its shards.
    #expect(
      follower.assignments(
        after: change(kept, changed: [], isReachable: true, refusal: "another process")) == [])
    #expect(
      follower.assignments(after: change(kept, changed: [], isReachable: true)) == [kept[0]])
    // What is known from then on is no plan of another run.
    let next = assignment(0, [b], inSync: [], epoch: 5)
    #expect(
      follower.assignments(after: change([next], changed: [next], isReachable: false)) == [next])
  }

  @Test("A plan that has overtaken the kept one is the only one that is followed")
  func isOvertaken() {
    var follower = PlanFollower()
    let kept = assignment(0, [b], inSync: [], epoch: 4)
    #expect(follower.assignments(after: change([kept], changed: [kept], isReachable: false)) == [])
    var next = assignment(0, [a], inSync: [], epoch: 6)
    next.primary = b
    #expect(
      follower.assignments(after: change([next], changed: [next], isReachable: true)) == [next])
  }

  @Test("A move that comes, gets on or goes is told with the assignment, which it does not change")
  func moves() {
    var follower = PlanFollower()
    let own = assignment(3, [b], inSync: [b], epoch: 4)
    let move = ShardMove(shard: own.shard, source: a, target: b, bytes: 0, phase: .caughtUp)
    #expect(
      follower.assignments(after: change([own], changed: [own], isReachable: true)) == [own])
    #expect(follower.assignments(after: change([own], changed: [], isReachable: true)) == [])
    for moves in [[move], [move], []] {
      #expect(
        follower.assignments(
          after: change([own], changed: [], moves: moves, isReachable: true)) == [own])
    }
    #expect(follower.assignments(after: change([own], changed: [], isReachable: true)) == [])
  }
}
