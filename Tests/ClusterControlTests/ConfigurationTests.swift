import CloudstateModel
import ClusterControl
import Synchronization
import Testing

@Suite struct ConfigurationTests {
  @Test func defaultsAreConsistent() throws {
    let configuration = CoordinatorConfiguration()
    try configuration.validate()
    #expect(configuration.heartbeatInterval == .milliseconds(500))
    #expect(configuration.suspectTimeout == .milliseconds(1800))
    #expect(configuration.livenessTimeout == .seconds(3))
    #expect(configuration.rebalancing.lostAfter == .seconds(60))
    try MembershipConfiguration(
      info: card("a"), shardCount: 1, coordinatorEndpoint: "tcp://127.0.0.1:5100"
    ).validate()
  }

  @Test func contradictionsAreNamed() throws {
    func message(_ change: (inout CoordinatorConfiguration) -> Void) -> String {
      var configuration = CoordinatorConfiguration()
      change(&configuration)
      do {
        try configuration.validate()
        return "valid"
      } catch {
        return error.code == .invalidConfiguration ? error.message : "wrong code"
      }
    }
    let name = try service()
    #expect(message { $0.heartbeatInterval = .milliseconds(1) }.contains("heartbeat interval"))
    #expect(message { $0.suspectTimeout = .milliseconds(900) }.contains("two heartbeat intervals"))
    #expect(
      message { $0.livenessTimeout = .milliseconds(1800) }.contains("longer than the suspect"))
    #expect(message { $0.expectedNodes = [name: 0] }.contains("service cart"))
    #expect(message { $0.settleTime = .seconds(-1) }.contains("settle time"))
    #expect(message { $0.publicationAttempts = 0 }.contains("publication"))
    #expect(message { $0.initialRetryDelay = .zero }.contains("retry delay"))
    #expect(message { $0.maximumMembers = 0 }.contains("bounds"))
    #expect(message { $0.probePause = .zero }.contains("probe"))
    #expect(message { $0.rebalancing.lostAfter = .seconds(2) }.contains("lost (2"))
    #expect(message { $0.rebalancing.maximumMovesPerNode = 9 }.contains("concurrent moves"))
    #expect(message { $0.rebalancing.maximumFencePause = .zero }.contains("failed fence"))
  }

  @Test func aNodeCannotBeNamedAsTheCoordinatorAndKeepsItsRelations() throws {
    var configuration = MembershipConfiguration(
      info: try card("coordinator"), shardCount: 1, coordinatorEndpoint: "x")
    #expect(throws: ClusterError.self) { try configuration.validate() }
    configuration.info = try card("a")
    try configuration.validate()
    configuration.coordinatorTimeout = .seconds(1)
    #expect(throws: ClusterError.self) { try configuration.validate() }
    configuration.coordinatorTimeout = .seconds(9)
    configuration.shardCount = 0
    #expect(throws: ClusterError.self) { try configuration.validate() }
  }

  @Test func aNodeAloneOwnsEverything() throws {
    let handle = StandaloneMembership(info: try card("a"), shardCount: 5)
    #expect(handle.snapshot.isFullyAssigned)
    for index in UInt32(0)..<5 {
      let owner = try #require(handle.snapshot.owner(of: index))
      #expect(owner.primary.text == "a" && owner.epoch == Epoch(1))
    }
    #expect(handle.snapshot.owner(of: 5) == nil)
    nonisolated(unsafe) var changes: [ClusterChange] = []
    handle.addListener { changes.append($0) }
    #expect(changes.map(\.assignments.count) == [5])
  }

  @Test func aNodeAloneTakesAnEpochAboveWhatItsStoreHasSeen() async throws {
    let handle = StandaloneMembership(info: try card("a"), shardCount: 3)
    let shard = try #require(handle.snapshot.owner(of: 1)).shard
    let changes = Mutex<[ClusterChange]>([])
    handle.addListener { change in changes.withLock { $0.append(change) } }
    func report(under epoch: UInt64, seen: UInt64) {
      handle.report([
        ShardReport(shard: shard, epoch: Epoch(epoch), seenEpoch: Epoch(seen))
      ]) {}
    }
    report(under: 1, seen: 0)
    report(under: 7, seen: 9)
    #expect(changes.withLock { $0.count } == 1)
    report(under: 1, seen: 40)
    #expect(handle.snapshot.owner(of: 1)?.epoch == Epoch(41))
    #expect(handle.snapshot.owner(of: 2)?.epoch == Epoch(1))
    #expect(changes.withLock { $0.last?.assignments.map(\.shard) } == [shard])
    // Reports are repeated; one of before changes nothing.
    report(under: 1, seen: 40)
    #expect(changes.withLock { $0.count } == 2)
  }
}
