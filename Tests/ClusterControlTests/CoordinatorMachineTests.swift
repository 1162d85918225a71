import CloudstateModel
import TestSupport
import Testing

@testable import ClusterControl

@Suite struct CoordinatorPlanTraces {
  @Test func firstPlanWaitsForTheExpectedNodesAndIsPersistedBeforeAnyoneHearsOfIt() throws {
    var trace = CoordinatorTrace(try expecting(2))
    let first = try #require(trace.view(trace.register(try registration("b"), at: at(0))))
    #expect(first.plan.number == 0)
    trace.log = []
    let second = try #require(trace.view(trace.register(try registration("a"), at: at(60))))
    #expect(trace.log == ["persist 3", "link a#1", "accept", "publish 3"])
    #expect(second.plan.number == 1)
    #expect(second.plan.primaries(of: try service()) == ["a", "b", "a", "b"])
    #expect(second.plan.createdAt == at(60).wall)
    #expect(
      second.plan.reason
        == "4 shards of service cart are assigned for the first time, over 2 nodes: a, b.")
    #expect(trace.stored.last?.view == second)
  }

  @Test func theSameNodeTwiceIsNotTwoNodes() throws {
    var trace = CoordinatorTrace(try expecting(2))
    _ = trace.register(try registration("a"), at: at(0))
    let again = trace.register(try registration("a", incarnation: 2), at: at(4))
    #expect(trace.refusal(again) != nil)
    let restarted = trace.register(
      try registration("a", incarnation: 2, endpoint: "inproc://a-1"), at: at(4))
    #expect(trace.view(restarted)?.plan.number == 0)
  }

  @Test func withoutExpectationThePlanWaitsForTheSettleTimeAfterTheLastJoin() throws {
    var trace = CoordinatorTrace(slow(settleTime: .seconds(2)))
    _ = trace.register(try registration("a"), at: at(0))
    for step in 1...7 { trace.tick(at: at(Double(step) * 0.25)) }
    _ = trace.register(try registration("b"), at: at(1.9))
    _ = try trace.heartbeat("a", at: at(2))
    for step in 8...15 { trace.tick(at: at(Double(step) * 0.25)) }
    #expect(trace.machine.record.plan.number == 0)
    trace.tick(at: at(3.9))
    let plan = try #require(trace.published.last?.plan)
    #expect(plan.number == 1)
    #expect(plan.primaries(of: try service()) == ["a", "b", "a", "b"])
  }

  @Test func theOrderOfRegistrationDoesNotShowInThePlan() throws {
    var random = SeededGenerator(seed: testSeed("registration order"))
    let names = ["a", "b", "c", "d"]
    var plans: Set<[ShardAssignment]> = []
    for _ in 0..<20 {
      var trace = CoordinatorTrace(try expecting(4))
      for name in names.shuffled(using: &random) {
        _ = trace.register(try registration(name, shards: 10), at: at(0))
      }
      plans.insert(trace.machine.durable.plan.shards)
    }
    #expect(plans.count == 1)
    #expect(plans.first?.count == 10)
  }

  @Test func laterNodesAndDeadNodesChangeNoAssignmentAtOnce() throws {
    var configuration = try expecting(1)
    configuration.rebalancing.delay = .seconds(3600)
    var trace = CoordinatorTrace(configuration)
    _ = trace.register(try registration("a"), at: at(0))
    _ = trace.register(try registration("b"), at: at(1))
    for step in 4...40 {
      if step % 4 == 0 { _ = try trace.heartbeat("b", at: at(Double(step) * 0.25)) }
      trace.tick(at: at(Double(step) * 0.25))
    }
    #expect(trace.liveness("a") == .down)
    #expect(trace.liveness("b") == .alive)
    let plan = trace.machine.durable.plan
    #expect(plan.number == 1)
    #expect(plan.primaries(of: try service()) == ["a", "a", "a", "a"])
  }

  @Test func servicesAreIndependentAndSharePlanNumbers() throws {
    var configuration = slow()
    configuration.expectedNodes = [try service("cart"): 1, try service("users"): 1]
    var trace = CoordinatorTrace(configuration)
    _ = trace.register(try registration("a", service: "users", shards: 2), at: at(0))
    _ = trace.register(try registration("b", service: "cart", shards: 3), at: at(0))
    let plan = trace.machine.durable.plan
    #expect(plan.number == 2)
    #expect(plan.primaries(of: try service("users")) == ["a", "a"])
    #expect(plan.primaries(of: try service("cart")) == ["b", "b", "b"])
  }
}

@Suite struct CoordinatorMembershipTraces {
  @Test func livenessFollowsSilenceAndHeartbeats() throws {
    var trace = CoordinatorTrace(try expecting(9))
    _ = trace.register(try registration("a"), at: at(0))
    for step in 1...12 { trace.tick(at: at(Double(step) * 0.25)) }
    #expect(trace.liveness("a") == .alive)
    trace.tick(at: at(3.25))
    #expect(trace.liveness("a") == .suspect)
    for step in 14...20 { trace.tick(at: at(Double(step) * 0.25)) }
    #expect(trace.liveness("a") == .suspect)
    trace.tick(at: at(5.25))
    #expect(trace.liveness("a") == .down)
    let answer = try trace.heartbeat("a", at: at(5.3))
    #expect(!answer.registerAgain)
    #expect(trace.liveness("a") == .alive)
    #expect(trace.published.map(\.version) == trace.published.map(\.version).sorted())
  }

  @Test func thePauseOfTheCoordinatorItselfCondemnsNobody() throws {
    var trace = CoordinatorTrace(try expecting(9))
    _ = trace.register(try registration("a"), at: at(0))
    trace.tick(at: at(0.25))
    trace.tick(at: at(60))
    #expect(trace.liveness("a") == .alive)
    for step in 1...12 { trace.tick(at: at(60 + Double(step) * 0.25)) }
    #expect(trace.liveness("a") == .suspect)
  }

  @Test func heartbeatsOfOtherIncarnationsAndStrangersAskForRegistration() throws {
    var trace = CoordinatorTrace(try expecting(1))
    #expect(try trace.heartbeat("a", at: at(0)).registerAgain)
    _ = trace.register(try registration("a", incarnation: 7), at: at(0))
    #expect(try trace.heartbeat("a", incarnation: 6, at: at(1)).registerAgain)
    #expect(try !trace.heartbeat("a", incarnation: 7, at: at(1)).registerAgain)
    #expect(try trace.heartbeat("a", incarnation: 7, plan: 9, at: at(1)).registerAgain)
  }

  @Test func aHeartbeatThatIsBehindBringsTheView() throws {
    var trace = CoordinatorTrace(try expecting(1))
    _ = trace.register(try registration("a"), at: at(0))
    let version = trace.machine.durable.version
    #expect(try trace.heartbeat("a", view: version - 1, at: at(1)).view == trace.published.last)
    #expect(try trace.heartbeat("a", view: version, at: at(1)).view == nil)
  }

  @Test func refusals() throws {
    var trace = CoordinatorTrace(try expecting(1))
    _ = trace.register(try registration("a"), at: at(0))
    let before = trace.machine.record
    func refusal(_ registration: Registration) -> String {
      var copy = trace
      let reason = copy.refusal(copy.register(registration, at: at(1)))
      #expect(copy.machine.record == before)
      return reason ?? "accepted"
    }
    #expect(try refusal(registration("b", shards: 5)).contains("service cart has 4 shards"))
    #expect(try refusal(registration("b", shards: 0)).contains("0 shards"))
    #expect(try refusal(registration("b", shards: 100_000)).contains("1 to 65536"))
    #expect(try refusal(registration("coordinator")).contains("reserved"))
    #expect(try refusal(registration("a", incarnation: 2)).contains("was heard at inproc://a-1"))
    #expect(try refusal(registration("a", service: "users")).contains("belongs to service cart"))
    #expect(try refusal(registration("b", plan: 2)).contains("only plan 1"))
  }

  @Test func aRestartIsAcceptedAtOnceAtItsEndpointAndElsewhereOnceTheOldOneIsSilent() throws {
    var trace = CoordinatorTrace(try expecting(1))
    _ = trace.register(try registration("a"), at: at(0))
    trace.log = []
    let same = try registration("a", incarnation: 2, endpoint: "inproc://a-1", plan: 1)
    #expect(trace.view(trace.register(same, at: at(0.1)))?.members.first?.incarnation == 2)
    #expect(trace.log == ["persist 3", "link a#2", "accept", "publish 3"])
    let elsewhere = try registration("a", incarnation: 3, plan: 1)
    #expect(trace.refusal(trace.register(elsewhere, at: at(1))) != nil)
    for step in 1...14 { trace.tick(at: at(Double(step) * 0.25)) }
    #expect(trace.liveness("a") == .suspect)
    let moved = trace.view(trace.register(elsewhere, at: at(3.5)))
    #expect(moved?.members.first?.incarnation == 3)
    #expect(moved?.plan.number == 1)
  }

  @Test func aWrongShardCountMayBeCorrectedWhileNothingDependsOnIt() throws {
    var trace = CoordinatorTrace(try expecting(2))
    _ = trace.register(try registration("a", shards: 3), at: at(0))
    let corrected = trace.register(try registration("a", shards: 4), at: at(1))
    #expect(trace.view(corrected) != nil)
    #expect(trace.machine.durable.services == [try service(): 4])
    #expect(trace.refusal(trace.register(try registration("b", shards: 3), at: at(1))) != nil)
  }

  @Test func aFullClusterForgetsADeadMemberWithoutShardsAndElseRefuses() throws {
    var configuration = try expecting(1)
    configuration.maximumMembers = 2
    configuration.rebalancing.delay = .seconds(3600)
    var trace = CoordinatorTrace(configuration)
    _ = trace.register(try registration("a"), at: at(0))
    _ = trace.register(try registration("b"), at: at(0))
    #expect(trace.refusal(trace.register(try registration("c"), at: at(0))) != nil)
    for step in 1...24 { trace.tick(at: at(Double(step) * 0.25)) }
    #expect(trace.liveness("a") == .down && trace.liveness("b") == .down)
    // What is heard of a tells that it is b that is silent.
    _ = try trace.heartbeat("a", plan: 1, view: trace.machine.durable.version, at: at(6))
    for step in 25...60 {
      _ = try trace.heartbeat(
        "a", plan: 1, view: trace.machine.durable.version, at: at(Double(step) * 0.25))
      trace.tick(at: at(Double(step) * 0.25))
    }
    trace.log = []
    let view = trace.view(trace.register(try registration("c"), at: at(15)))
    #expect(view?.members.map(\.node.text) == ["a", "c"])
    #expect(trace.log.contains("unlink b"))
  }
}

@Suite struct CoordinatorDurabilityTraces {
  @Test func nothingIsToldBeforeTheDiskHasIt() throws {
    var trace = CoordinatorTrace(try expecting(2))
    trace.isDiskHeld = true
    #expect(trace.register(try registration("a"), at: at(0)) == nil)
    #expect(trace.register(try registration("b"), at: at(0)) == nil)
    #expect(trace.log == ["persist 2"])
    let heartbeat = try trace.heartbeat("a", at: at(1))
    #expect(!heartbeat.registerAgain)
    #expect(heartbeat.view?.plan.number == 0)
    trace.releaseDisk()
    #expect(
      trace.log == [
        "persist 2", "link a#1", "accept", "publish 2",
        "persist 3", "link b#1", "accept", "publish 3",
      ])
  }

  @Test func aRestartGoesOnFromTheStoreAndNeverBackwards() throws {
    var trace = CoordinatorTrace(try expecting(2))
    _ = trace.register(try registration("a"), at: at(0))
    _ = trace.register(try registration("b"), at: at(0))
    let stored = try #require(trace.stored.last)
    var machine = CoordinatorMachine(
      configuration: try expecting(2), stored: stored, freshIdentity: "other")
    let directives = machine.start(at: at(1000))
    #expect(
      directives == stored.view.members.map { .link($0) } + [.publish(stored.view)])
    #expect(machine.record.coordinatorID == "fresh")
    let (answer, _) = machine.heartbeat(
      HeartbeatReport(
        node: try node("a"), incarnation: 1, planNumber: 1, viewVersion: stored.version),
      at: at(1000))
    #expect(answer == HeartbeatAnswer(registerAgain: false, view: nil))
    let changes = machine.register(
      try registration("c", plan: 1), ticket: 1, at: at(1000))
    guard case .persist(let next)? = changes.last else {
      Issue.record("no write: \(changes)")
      return
    }
    #expect(next.version == stored.version + 1)
    #expect(next.plan == stored.plan)
  }

  @Test func membersThatWereOnlyRememberedGetNoShards() throws {
    var trace = CoordinatorTrace(try expecting(3))
    _ = trace.register(try registration("a"), at: at(0))
    _ = trace.register(try registration("b"), at: at(0))
    var restarted = CoordinatorTrace(try expecting(3), stored: trace.stored.last, at: at(100))
    _ = restarted.register(try registration("c"), at: at(100))
    restarted.tick(at: at(100.25))
    #expect(restarted.machine.record.plan.number == 0)
    _ = try restarted.heartbeat("a", at: at(100.3))
    _ = try restarted.heartbeat("b", at: at(100.3))
    restarted.tick(at: at(100.5))
    #expect(restarted.machine.record.plan.primaries(of: try service()) == ["a", "b", "c", "a"])
  }

  @Test func aFullQueueOfRegistrationsRefuses() throws {
    var configuration = try expecting(9)
    configuration.maximumWaitingRegistrations = 1
    var trace = CoordinatorTrace(configuration)
    trace.isDiskHeld = true
    #expect(trace.register(try registration("a"), at: at(0)) == nil)
    #expect(
      trace.refusal(trace.register(try registration("b"), at: at(0)))?.contains("busy") == true)
  }
}
