import CloudstateModel
import TestSupport
import Testing

@testable import ClusterControl

private func configuration(shards: UInt32 = 4) throws -> MembershipConfiguration {
  MembershipConfiguration(
    info: try card("a"), shardCount: shards, coordinatorEndpoint: "inproc://coordinator")
}

private func view(
  _ version: UInt64, coordinator: String = "one", members: [NodeInfo] = [], plan: Plan = .empty
) -> ClusterView {
  ClusterView(
    version: version, coordinatorID: coordinator,
    members: members.map { ClusterMember(info: $0, liveness: .alive) }, plan: plan)
}

/// A plan that gives shard `i` to `owners[i]` with the epoch given.
private func plan(_ number: UInt64, _ owners: [String], epoch: UInt64 = 1) throws -> Plan {
  Plan(
    number: number, reason: "test", createdAt: at(0).wall,
    shards: try owners.enumerated().map {
      ShardAssignment(
        shard: ShardID(service: try service(), index: UInt32($0.offset)),
        primary: try node($0.element), epoch: Epoch(epoch))
    })
}

private func accepted(_ view: ClusterView) -> Result<RegistrationAnswer, ClusterError> {
  .success(
    .accepted(view, heartbeatInterval: .seconds(1), livenessTimeout: .seconds(5)))
}

private let unreachable = ClusterError(.unreachable, "nobody there")

private func seconds(_ value: Double) -> Duration { at(value).uptime }

private func isRegistration(_ directive: NodeMembershipMachine.Directive) -> Bool {
  if case .register = directive { true } else { false }
}

private func withoutReports(
  _ directives: [NodeMembershipMachine.Directive]
) -> [NodeMembershipMachine.Directive] {
  directives.filter { if case .report = $0 { false } else { true } }
}

@Suite struct NodeMembershipTraces {
  @Test func registersWithGrowingPausesUntilAccepted() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    var now = seconds(0)
    let registration = try registration("a")
    #expect(machine.start(saved: nil, at: now) == [.register(registration)])
    for pause in [0.1, 0.2, 0.4, 0.5, 0.5] {
      #expect(machine.nextWake == nil)
      _ = machine.registrationEnded(.failure(unreachable), at: now)
      let due = now + seconds(pause)
      #expect(machine.nextWake == due)
      #expect(machine.wake(at: due - .milliseconds(1)) == [])
      #expect(machine.wake(at: due) == [.register(registration)])
      now = due
    }
    let first = view(1, members: [try card("a"), try card("b")])
    let directives = machine.registrationEnded(accepted(first), at: now)
    #expect(
      withoutReports(directives) == [
        .changed([]), .link(ClusterMember(info: try card("b"), liveness: .alive)), .save(first),
        .changed([]),
      ])
    #expect(machine.snapshot.coordinatorReachable)
    #expect(machine.nextWake == now + seconds(1))
  }

  @Test func heartbeatsGoOutAtTheIntervalOfTheCoordinatorWhetherAnsweredOrNot() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    _ = machine.start(saved: nil, at: seconds(0))
    let first = view(7, plan: try plan(2, ["a", "a"]))
    _ = machine.registrationEnded(
      .success(
        .accepted(
          first, heartbeatInterval: .milliseconds(200), livenessTimeout: .seconds(1))),
      at: seconds(0))
    let heartbeat = NodeMembershipMachine.Directive.heartbeat(
      HeartbeatReport(node: try node("a"), incarnation: 1, planNumber: 2, viewVersion: 7))
    #expect(machine.wake(at: seconds(0.1)) == [])
    #expect(machine.wake(at: seconds(0.2)) == [heartbeat])
    #expect(machine.wake(at: seconds(0.4)) == [heartbeat])
    #expect(machine.wake(at: seconds(2)) == [heartbeat])
    #expect(machine.nextWake == seconds(2.2))
  }

  @Test func withoutTheCoordinatorTheLastPlanStays() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    _ = machine.start(saved: nil, at: seconds(0))
    _ = machine.registrationEnded(accepted(view(1, plan: try plan(1, ["a", "b"]))), at: seconds(0))
    for time in [1.0, 2.0] {
      _ = machine.wake(at: seconds(time))
      _ = machine.heartbeatEnded(.failure(unreachable), at: seconds(time))
    }
    #expect(machine.snapshot.coordinatorReachable)
    #expect(machine.wake(at: seconds(3)).contains(.changed([])))
    #expect(!machine.snapshot.coordinatorReachable)
    #expect(machine.snapshot.owner(of: 1)?.primary == (try node("b")))
    let back = machine.heartbeatEnded(
      .success(HeartbeatAnswer(registerAgain: false, view: nil)), at: seconds(9))
    #expect(back == [.changed([])])
    #expect(machine.snapshot.coordinatorReachable)
  }

  @Test func registersAgainWhenAskedTo() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    _ = machine.start(saved: nil, at: seconds(0))
    _ = machine.registrationEnded(accepted(view(1, plan: try plan(3, ["a"]))), at: seconds(0))
    let answer = HeartbeatAnswer(registerAgain: true, view: nil)
    #expect(
      machine.heartbeatEnded(.success(answer), at: seconds(1)) == [
        .register(try registration("a", plan: 3))
      ])
    #expect(machine.heartbeatEnded(.success(answer), at: seconds(1)) == [])
  }

  /// Whoever stands by answers reports, too, and knows nothing of the plan that this process has kept.
  @Test func anAnswerToAReportDoesNotConfirmAKeptPlan() throws {
    for again in [true, false] {
      var machine = NodeMembershipMachine(configuration: try configuration())
      let kept = view(1, plan: try plan(1, ["a", "b"]))
      _ = machine.start(saved: kept, at: seconds(0))
      #expect(machine.reportEnded(ShardsReportAnswer(registerAgain: again), at: seconds(1)) == [])
      #expect(!machine.snapshot.coordinatorReachable)
      _ = machine.registrationEnded(accepted(kept), at: seconds(2))
      #expect(machine.snapshot.coordinatorReachable)
    }
  }

  @Test func registersAgainWhenAReportIsNotTaken() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    _ = machine.start(saved: nil, at: seconds(0))
    _ = machine.registrationEnded(accepted(view(1, plan: try plan(3, ["a"]))), at: seconds(0))
    #expect(machine.reportEnded(ShardsReportAnswer(registerAgain: false), at: seconds(1)) == [])
    #expect(
      machine.reportEnded(ShardsReportAnswer(registerAgain: true), at: seconds(1)) == [
        .register(try registration("a", plan: 3))
      ])
  }

  @Test func aRefusalShowsUntilTheNodeIsAccepted() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    _ = machine.start(saved: nil, at: seconds(0))
    _ = machine.registrationEnded(.success(.refused("no room")), at: seconds(0))
    #expect(machine.snapshot.refusal == "no room")
    #expect(machine.wake(at: seconds(0.1)).contains(where: isRegistration))
    _ = machine.registrationEnded(accepted(view(1)), at: seconds(0.2))
    #expect(machine.snapshot.refusal == nil)
  }

  @Test func theSavedViewServesBeforeTheCoordinatorAnswers() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    let saved = view(5, members: [try card("b")], plan: try plan(2, ["a", "b", "a", "b"]))
    let directives = machine.start(saved: saved, at: seconds(0))
    #expect(
      directives == [
        .link(ClusterMember(info: try card("b"), liveness: .alive)), .changed(saved.plan.shards),
        .register(try registration("a", plan: 2)),
      ])
    #expect(machine.snapshot.owner(of: 2)?.primary == (try node("a")))
    #expect(!machine.snapshot.coordinatorReachable)
  }

  @Test func linksFollowTheMembers() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    _ = machine.start(
      saved: view(1, members: [try card("a"), try card("b"), try card("c")]), at: seconds(0))
    let next = view(
      2, members: [try card("a", incarnation: 9), try card("b", incarnation: 2), try card("d")])
    let (_, directives) = machine.viewDelivered(next, at: seconds(1))
    #expect(
      directives == [
        .link(ClusterMember(info: try card("b", incarnation: 2), liveness: .alive)),
        .link(ClusterMember(info: try card("d"), liveness: .alive)), .unlink(try node("c")),
        .save(next), .changed([]),
      ])
  }
}

@Suite struct NodeMembershipViewTests {
  @Test func viewsGoOnlyForwardHoweverTheyAreDelivered() throws {
    var random = SeededGenerator(seed: testSeed("view delivery"))
    for _ in 0..<50 {
      // Each view changes one shard's owner and epoch.
      var epochs: [UInt64] = [1, 1, 1, 1]
      var owners = ["a", "b", "a", "b"]
      var views: [ClusterView] = []
      for version in 1...UInt64(12) {
        let shard = Int.random(in: 0..<4, using: &random)
        epochs[shard] += 1
        owners[shard] = try #require(["a", "b", "c"].randomElement(using: &random))
        var next = try plan(version, owners)
        for index in 0..<4 { next.shards[index].epoch = Epoch(epochs[index]) }
        views.append(view(version, plan: next))
      }
      var machine = NodeMembershipMachine(configuration: try configuration())
      _ = machine.start(saved: nil, at: seconds(0))
      var version: UInt64 = 0
      var seen: [UInt32: Epoch] = [:]
      for delivered in (views + views).shuffled(using: &random) {
        let (reception, directives) = machine.viewDelivered(delivered, at: seconds(1))
        #expect(reception == .followed)
        let now = try #require(machine.view?.version)
        #expect(now == max(version, delivered.version))
        version = now
        for case .changed(let assignments) in directives {
          for assignment in assignments {
            #expect(assignment.epoch > seen[assignment.shard.index] ?? .none)
            seen[assignment.shard.index] = assignment.epoch
          }
        }
      }
      #expect(machine.snapshot.shardMap.assignments == views.last?.plan.shards.map { $0 })
      #expect(machine.snapshot.planNumber == 12)
    }
  }

  @Test func anotherCoordinatorSpeaksOnlyThroughARegistration() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    _ = machine.start(saved: nil, at: seconds(0))
    _ = machine.registrationEnded(accepted(view(9, plan: try plan(1, ["a"]))), at: seconds(0))
    let other = view(2, coordinator: "two", plan: try plan(1, ["a", "b"]))
    let (reception, directives) = machine.viewDelivered(other, at: seconds(1))
    #expect(reception != .followed)
    #expect(directives == [.register(try registration("a", plan: 1))])
    #expect(machine.view?.coordinatorID == "one")
    _ = machine.registrationEnded(accepted(other), at: seconds(1))
    #expect(machine.view == other)
    #expect(machine.snapshot.owner(of: 1)?.primary == (try node("b")))
  }

  @Test func aCoordinatorOfAnotherHistoryIsNotFollowed() throws {
    let known = try plan(3, ["a", "b"], epoch: 2)
    for foreign in [
      try plan(4, ["b", "b"], epoch: 2), try plan(4, ["a"], epoch: 2), try plan(4, ["a", "b"]),
      .empty,
    ] {
      var machine = NodeMembershipMachine(configuration: try configuration())
      _ = machine.start(saved: nil, at: seconds(0))
      _ = machine.registrationEnded(accepted(view(9, plan: known)), at: seconds(0))
      _ = machine.heartbeatEnded(
        .success(HeartbeatAnswer(registerAgain: true, view: nil)), at: seconds(1))
      _ = machine.registrationEnded(
        accepted(view(1, coordinator: "two", plan: foreign)), at: seconds(1))
      #expect(machine.view?.coordinatorID == "one")
      #expect(machine.snapshot.refusal?.contains("contradicts the plan") == true)
      #expect(machine.snapshot.shardMap.assignments.compactMap(\.self) == known.shards)
    }
  }

  @Test func aPlanWithMoreShardsThanTheNodeKnowsIsRefused() throws {
    var machine = NodeMembershipMachine(configuration: try configuration(shards: 2))
    let saved = view(1, plan: try plan(1, ["a", "b", "a"]))
    #expect(
      withoutReports(machine.start(saved: saved, at: seconds(0))) == [
        .register(try registration("a", shards: 2))
      ])
    let (reception, directives) = machine.viewDelivered(saved, at: seconds(0))
    #expect(reception != .followed && directives == [])
    #expect(machine.view == nil)
  }

  @Test func aStoppedMachineDoesNothing() throws {
    var machine = NodeMembershipMachine(configuration: try configuration())
    _ = machine.start(saved: nil, at: seconds(0))
    machine.stop()
    #expect(machine.registrationEnded(accepted(view(1)), at: seconds(1)) == [])
    #expect(machine.viewDelivered(view(1), at: seconds(1)).directives == [])
    #expect(machine.nextWake == nil)
  }
}
