import CloudstateModel
import Testing

@testable import ClusterControl

/// A node that is told of three coordinators.
@Suite struct CoordinatorSearchTests {
  private func machine(endpoints: String = "tcp://a, tcp://b,tcp://c") throws
    -> NodeMembershipMachine
  {
    var machine = NodeMembershipMachine(
      configuration: MembershipConfiguration(
        info: try card("n"), shardCount: 4, coordinatorEndpoint: endpoints))
    #expect(machine.coordinatorEndpoint == "tcp://a")
    _ = machine.start(saved: nil, at: .zero)
    return machine
  }

  private let absent = ClusterError(.unreachable, "nobody there")

  private func accepted() -> RegistrationAnswer {
    .accepted(
      ClusterView(version: 1, coordinatorID: "x", members: [], plan: .empty),
      heartbeatInterval: .seconds(1), livenessTimeout: .seconds(5))
  }

  @Test("One that does not answer is followed by the next, each once before the pause grows")
  func round() throws {
    var machine = try machine()
    var now = Duration.zero
    for endpoint in ["tcp://b", "tcp://c", "tcp://a", "tcp://b"] {
      let directives = machine.registrationEnded(.failure(absent), at: now)
      #expect(directives.contains(.approach(endpoint: endpoint)))
      let wake = try #require(machine.nextWake)
      #expect(
        wake - now
          == (endpoint == "tcp://b" && now > .zero ? .milliseconds(200) : .milliseconds(100)))
      now = wake
      _ = machine.wake(at: now)
    }
  }

  @Test("The leader that another one names is asked at once, but not from word to word")
  func named() throws {
    var machine = try machine()
    let directives = machine.registrationEnded(
      .success(.notLeader(endpoint: "tcp://c")), at: .zero)
    #expect(directives.first == .approach(endpoint: "tcp://c"))
    #expect(directives.contains { if case .register = $0 { true } else { false } })
    // It names the first one again: both err, and there is a pause.
    let again = machine.registrationEnded(.success(.notLeader(endpoint: "tcp://a")), at: .zero)
    #expect(again == [.approach(endpoint: "tcp://a")])
    #expect(machine.nextWake != nil)
    #expect(!machine.snapshot.coordinatorReachable)
  }

  @Test("A leader beyond the list is tried, and then the list goes on")
  func unlisted() throws {
    var machine = try machine()
    let directives = machine.registrationEnded(
      .success(.notLeader(endpoint: "tcp://z")), at: .zero)
    #expect(directives.first == .approach(endpoint: "tcp://z"))
    let failed = machine.registrationEnded(.failure(absent), at: .zero)
    #expect(failed.contains(.approach(endpoint: "tcp://b")))
  }

  @Test("A heartbeat without an answer sends a node on; with one coordinator it waits")
  func heartbeat() throws {
    var machine = try machine()
    _ = machine.registrationEnded(.success(accepted()), at: .zero)
    _ = machine.wake(at: .seconds(1))
    let directives = machine.heartbeatEnded(.failure(absent), at: .seconds(1))
    #expect(directives.first == .approach(endpoint: "tcp://b"))
    #expect(directives.contains { if case .register = $0 { true } else { false } })

    var alone = try self.machine(endpoints: "tcp://a")
    _ = alone.registrationEnded(.success(accepted()), at: .zero)
    _ = alone.wake(at: .seconds(1))
    #expect(alone.heartbeatEnded(.failure(absent), at: .seconds(1)).isEmpty)
  }

  @Test("The answer of one that does not lead keeps its form on the wire")
  func wire() throws {
    for endpoint in ["tcp://c:1", nil] {
      let answer = RegistrationAnswer.notLeader(endpoint: endpoint)
      #expect(try RegistrationAnswer(answer.message) == answer)
    }
    let long = RegistrationAnswer.notLeader(endpoint: String(repeating: "x", count: 300))
    #expect(throws: ClusterError.self) { try RegistrationAnswer(long.message) }
  }
}
