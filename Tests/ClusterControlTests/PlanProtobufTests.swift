import CloudstateModel
import CloudstateProtocol
import ClusterControl
import TestSupport
import Testing

private typealias WirePlan = Cloudstate_Internal_Cluster_Plan
private typealias WireView = Cloudstate_Internal_Cluster_ClusterView

@Suite struct PlanProtobufTests {
  private func samplePlan() throws -> Plan {
    Plan(
      number: 7, reason: "a reason", createdAt: at(1).wall,
      shards: [
        ShardAssignment(
          shard: ShardID(service: try service(), index: 0), primary: try node("a"),
          replicas: [try node("b"), try node("c")], inSync: [try node("c")], epoch: Epoch(4)),
        ShardAssignment(
          shard: ShardID(service: try service("users"), index: 9), primary: try node("b"),
          epoch: Epoch(1)),
      ],
      moves: try ShardMove.Phase.allCases.map {
        ShardMove(
          shard: ShardID(service: try service(), index: 0), source: try node("a"),
          target: try node("b"), bytes: 1 << 40, phase: $0)
      })
  }

  @Test func everythingOfAPlanAndAViewSurvivesTheWire() throws {
    let view = ClusterView(
      version: 12, coordinatorID: "c0ffee",
      members: [
        ClusterMember(info: try card("a", incarnation: 5), liveness: .alive),
        ClusterMember(info: try card("b"), liveness: .suspect),
        ClusterMember(info: try card("c", service: "users"), liveness: .down),
      ], plan: try samplePlan())
    #expect(try ClusterView(WireView(decoding: view.message.encoded)) == view)
  }

  @Test func requestsAndAnswersSurviveTheWire() throws {
    let registration = try registration("a", incarnation: 3, shards: 100, plan: 8)
    #expect(try Registration(registration.message) == registration)
    let view = ClusterView(version: 1, coordinatorID: "x", members: [], plan: .empty)
    let accepted = RegistrationAnswer.accepted(
      view, heartbeatInterval: .milliseconds(250), livenessTimeout: .seconds(5))
    #expect(try RegistrationAnswer(accepted.message) == accepted)
    #expect(try RegistrationAnswer(RegistrationAnswer.refused("no").message) == .refused("no"))
    let report = HeartbeatReport(
      node: try node("a"), incarnation: 1, planNumber: 2, viewVersion: 3,
      load: NodeLoad(commands: 4, activeEntities: 5, openCalls: 6))
    #expect(try HeartbeatReport(report.message) == report)
    for answer in [
      HeartbeatAnswer(registerAgain: true, view: nil),
      HeartbeatAnswer(registerAgain: false, view: view),
    ] {
      #expect(try HeartbeatAnswer(answer.message) == answer)
    }
  }

  @Test("Reports of shards survive the wire, and a shard that is named twice is refused")
  func reports() throws {
    let report = ShardReport(
      shard: try shard(3), epoch: Epoch(7), isServing: true, caughtUp: Set(try nodes("b", "c")),
      lagging: [try node("d")], isFenced: true, fenceFailed: true, seenEpoch: Epoch(9),
      unusable: "a flipped bit", lastPosition: Position(11), lastEpoch: Epoch(8), bytes: 12,
      commands: 13,
      copied: [
        try node("e"): ShardReport.CopyGrowth(position: Position(10), bytes: 640),
        try node("f"): ShardReport.CopyGrowth(position: .start),
      ])
    var message = ShardsReport(
      node: try node("a"), incarnation: 5,
      shards: [report, ShardReport(shard: try shard(4), epoch: Epoch(1))])
    #expect(try ShardsReport(message.message) == message)
    message.shards.append(report)
    #expect(throws: ClusterError.self) { try ShardsReport(message.message) }
    for again in [true, false] {
      let answer = ShardsReportAnswer(registerAgain: again)
      #expect(ShardsReportAnswer(answer.message) == answer)
    }
  }

  @Test func malformedPlansAreRefused() throws {
    let good = try samplePlan().message
    let damages: [(what: String, damage: (inout WirePlan) -> Void)] = [
      ("illegal service", { $0.shards[0].service = "a b" }),
      ("illegal primary", { $0.shards[0].primary = "" }),
      ("illegal replica", { $0.shards[0].replicas = ["x.y"] }),
      ("primary as replica", { $0.shards[0].replicas.append("a") }),
      ("replica twice", { $0.shards[0].replicas.append("b") }),
      ("in-sync stranger", { $0.shards[0].inSync = ["z"] }),
      ("no epoch", { $0.shards[0].epoch = 0 }),
      ("shard twice", { $0.shards.append($0.shards[0]) }),
      ("unknown phase", { $0.moves[0].phase = "flying" }),
      ("illegal target", { $0.moves[0].target = "*" }),
    ]
    #expect(try Plan(good) == samplePlan())
    for (what, damage) in damages {
      var message = good
      damage(&message)
      #expect(throws: ClusterError.self, "\(what)") { try Plan(message) }
    }
  }

  @Test func malformedViewsAreRefused() throws {
    let good = ClusterView(
      version: 1, coordinatorID: "x",
      members: [ClusterMember(info: try card("a"), liveness: .alive)], plan: .empty
    ).message
    let damages: [(inout WireView) -> Void] = [
      { $0.coordinatorID = "" }, { $0.members.append($0.members[0]) },
      { $0.members[0].liveness = .unknown }, { $0.members[0].liveness = .UNRECOGNIZED(9) },
      { $0.members[0].node.requestEndpoint = "" }, { $0.members[0].clearNode() },
      { $0.members[0].node.zone = String(repeating: "z", count: 257) },
    ]
    #expect(throws: Never.self) { try ClusterView(good) }
    for damage in damages {
      var message = good
      damage(&message)
      #expect(throws: ClusterError.self) { try ClusterView(message) }
    }
  }

  @Test func anAcceptanceWithoutTimesIsRefused() throws {
    var message = RegistrationAnswer.accepted(
      ClusterView(version: 1, coordinatorID: "x", members: [], plan: .empty),
      heartbeatInterval: .seconds(1), livenessTimeout: .seconds(5)
    ).message
    message.heartbeatIntervalMilliseconds = 0
    #expect(throws: ClusterError.self) { try RegistrationAnswer(message) }
  }
}
