import CloudstateModel
import EtcdClient
import NIOCore
import TestSupport
import Testing

@testable import ClusterControl

/// The store against a real etcd, with the key of the leader made and deleted by hand.
@Suite(.serialized, .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
struct EtcdCoordinatorStoreTests {
  private let keys = EtcdKeys(prefix: "/cs/test")

  @Test("A leader's record is what the next leader reads, with the plans that were in force")
  func roundTrip() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd) { client in
      let first = try await store(client)
      #expect(try await blocking { try first.load() } == nil)
      var record = CoordinatorRecord(coordinatorID: "abc", version: 1)
      record.autoscalers[try service()] = ScalingRecord(
        state: .upgrading(desired: 3, lastStableRatePerNode: 1.5))
      try await blocking { [record] in try first.save(record) }
      record.services = [try service(): 4]
      record.members = [
        try node("a"): ClusterMember(info: try card("a"), liveness: .suspect, isDraining: true)
      ]
      for number in 1...3 as ClosedRange<UInt64> {
        record.version += 1
        record.plan = try plan(number, shards: 4)
        try await blocking { [record] in try first.save(record) }
      }
      // A new version with the same plan, as when a node falls silent.
      record.version += 1
      try await blocking { [record] in try first.save(record) }

      let second = try await store(client)
      #expect(try await blocking { try second.load() } == record)
      let history = try await blocking { try second.planHistory(limit: 2) }
      #expect(history.map(\.number) == [3, 2])
      #expect(try await blocking { try second.planHistory(limit: 9) }.count == 3)
    }
  }

  @Test("The history of plans is bounded")
  func boundedHistory() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd) { client in
      let store = try await store(client)
      _ = try await blocking { try store.load() }
      var record = CoordinatorRecord(coordinatorID: "abc", services: [try service(): 1])
      for number in 1...EtcdCoordinatorStore.retainedPlans + 3 {
        record.version += 1
        record.plan = try plan(number, shards: 1)
        try await blocking { [record] in try store.save(record) }
      }
      let numbers = try await blocking { try store.planHistory(limit: 1000) }.map(\.number)
      #expect(numbers.count == Int(EtcdCoordinatorStore.retainedPlans))
      #expect(numbers.last == 4)
    }
  }

  @Test("Who has lost the key of the leader, or has not seen the last write, writes nothing")
  func fenced() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd) { client in
      let old = try await store(client)
      _ = try await blocking { try old.load() }
      var record = CoordinatorRecord(coordinatorID: "abc", version: 1)
      try await blocking { [record] in try old.save(record) }

      let new = try await store(client)
      let behind = try await store(client, keepsKey: true)
      for store in [new, behind] { _ = try await blocking { try store.load() } }
      // The record is what the old leader believes it to be: only the fence tells the difference.
      record.version = 2
      await expectLeadershipLost { [record] in try old.save(record) }
      #expect(try await blocking { try new.load() }?.version == 1)
      record.version = 3
      try await blocking { [record] in try new.save(record) }
      // The fence stands, but somebody else has written.
      record.version = 4
      await expectLeadershipLost { [record] in try behind.save(record) }
      #expect(try await blocking { try new.load() }?.version == 3)
      await expectLeadershipLost { [record] in try old.save(record) }
    }
  }

  @Test("A write that was carried out and not answered is found to be done")
  func unknownOutcome() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd) { client in
      let term = try await elected(client)
      let store = EtcdCoordinatorStore(
        client: client, keys: keys, term: term, logger: quietLogger())
      _ = try await blocking { try store.load() }
      var record = CoordinatorRecord(coordinatorID: "abc", version: 1)
      // The attempt whose answer was lost, by another store of the same term.
      let twin = EtcdCoordinatorStore(
        client: client, keys: keys, term: term, logger: quietLogger())
      _ = try await blocking { try twin.load() }
      try await blocking { [record] in try twin.save(record) }
      try await blocking { [record] in try store.save(record) }
      record.version = 2
      try await blocking { [record] in try store.save(record) }
    }
  }

  @Test("A write waits for etcd, and ends with the term")
  func waits() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd) { client in
      let term = try await elected(client)
      let store = EtcdCoordinatorStore(
        client: client, keys: keys, term: term, logger: quietLogger())
      _ = try await blocking { try store.load() }
      etcd.pause(0)
      async let saved: Void = blocking {
        try store.save(CoordinatorRecord(coordinatorID: "abc", version: 1))
      }
      try await Task.sleep(for: .milliseconds(100))
      etcd.resume(0)
      try await saved
      etcd.pause(0)
      async let refused: Void = expectLeadershipLost {
        try store.save(CoordinatorRecord(coordinatorID: "abc", version: 2))
      }
      term.end()
      await refused
      etcd.resume(0)
    }
  }

  @Test(
    "A plan of 65 536 shards with three copies each fits; one that does not is named with the remedy"
  )
  func largePlan() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd) { client in
      let store = try await store(client)
      _ = try await blocking { try store.load() }
      var record = CoordinatorRecord(
        coordinatorID: "abc", version: 1, services: [try service("shopping-cart"): 65_536])
      record.plan = try plan(1, service: "shopping-cart", shards: 65_536, nodes: 40)
      let bytes = try StoredPlan.sealed(record.plan).count
      print("a plan of 65 536 shards: \(bytes) bytes of \(record.plan.message.storedBytes.count)")
      #expect(bytes < 1_000_000)
      try await blocking { [record] in try store.save(record) }
      let again = try await self.store(client)
      #expect(try await blocking { try again.load() } == record)

      record.version = 2
      record.plan.number = 2
      // What does not compress.
      record.plan.reason = String(
        decoding: (0..<4_000_000).map { _ in UInt8.random(in: 0x20...0x7e) }, as: UTF8.self)
      let error = await #expect(throws: ClusterError.self) {
        try await blocking { [record] in try again.save(record) }
      }
      #expect(error?.code == .storeFailed)
      #expect(error?.message.contains("--max-request-bytes") == true, "\(error?.message ?? "")")
    }
  }

  @Test("A record that other hands have changed is refused")
  func damaged() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd) { client in
      try await etcd.control(["put", "/cs/test/state", "something else"])
      let store = try await store(client)
      let error = await #expect(throws: ClusterError.self) {
        _ = try await blocking { try store.load() }
      }
      #expect(error?.code == .corruptRecord)
    }
  }

  // MARK: Parts

  private func withClient(
    _ etcd: TestEtcd, _ body: (EtcdClient) async throws -> Void
  ) async throws {
    let endpoints = etcd.endpoints.split(separator: ",").compactMap {
      EtcdConfiguration.Endpoint(String($0))
    }
    let client = EtcdClient(
      configuration: EtcdConfiguration(endpoints: endpoints), logger: quietLogger())
    do {
      try await body(client)
    } catch {
      try await client.shutDown()
      throw error
    }
    try await client.shutDown()
  }

  /// A store of a new term, or with `keepsKey` of the term under way.
  private func store(
    _ client: EtcdClient, keepsKey: Bool = false
  ) async throws -> EtcdCoordinatorStore {
    EtcdCoordinatorStore(
      client: client, keys: keys, term: try await elected(client, keepsKey: keepsKey),
      logger: quietLogger())
  }

  private func elected(_ client: EtcdClient, keepsKey: Bool = false) async throws
    -> LeadershipTerm
  {
    if !keepsKey {
      // A key that is put again keeps its create revision.
      _ = try await client.transact(
        if: [], then: [.delete(key: keys.leader, end: keys.leader + [0])], else: [],
        timeout: .seconds(5)
      ).get()
      _ = try await client.transact(
        if: [], then: [.put(key: keys.leader, value: Array("x tcp://x".utf8))], else: [],
        timeout: .seconds(5)
      ).get()
    }
    let found = try await client.read(key: keys.leader, timeout: .seconds(5)).get()
    return LeadershipTerm(fence: try #require(found.values.first).createRevision)
  }

  private func plan(
    _ number: UInt64, service name: String = "cart", shards: UInt32, nodes: Int = 1
  ) throws -> Plan {
    let names = try (0..<max(3, nodes)).map { try node("shopping-cart-\($0)") }
    let service = try service(name)
    return Plan(
      number: number, reason: "test", createdAt: Timestamp(unixMilliseconds: 1),
      shards: (0..<shards).map { index in
        let first = Int(index) * 7 % nodes
        let copies = [names[(first + 1) % names.count], names[(first + 2) % names.count]]
        return ShardAssignment(
          shard: ShardID(service: service, index: index), primary: names[first],
          replicas: copies, inSync: copies, epoch: Epoch(UInt64(index % 50 + 1)))
      })
  }

  private func expectLeadershipLost(_ body: @escaping @Sendable () throws -> Void) async {
    let error = await #expect(throws: ClusterError.self) { try await blocking(body) }
    #expect(error?.code == .leadershipLost, "\(error?.message ?? "")")
  }
}

/// Runs what blocks away from the tasks' own threads.
private func blocking<Answer: Sendable>(
  _ body: @escaping @Sendable () throws -> Answer
) async throws -> Answer {
  let loop = ControlLoop()
  do {
    let answer = try await loop.onDisk(body)
    try await loop.shutDown()
    return answer
  } catch {
    try await loop.shutDown()
    throw error
  }
}
