import CloudstateModel
import RocksDB
import TestSupport
import Testing

@testable import ClusterControl

@Suite struct CoordinatorStoreTests {
  private func record(version: UInt64, plan: UInt64) throws -> CoordinatorRecord {
    let shards = try (0..<UInt32(3)).map {
      ShardAssignment(
        shard: ShardID(service: try service(), index: $0), primary: try node("a"),
        epoch: Epoch(plan))
    }
    return CoordinatorRecord(
      coordinatorID: "identity", version: version,
      services: [try service(): 3, try service("users"): 300],
      members: [
        try node("a"): ClusterMember(info: try card("a", incarnation: 9), liveness: .alive),
        try node("u"): ClusterMember(info: try card("u", service: "users"), liveness: .down),
      ],
      plan: plan == 0
        ? .empty : Plan(number: plan, reason: "r\(plan)", createdAt: at(5).wall, shards: shards),
      autoscalers: [
        try service(): ScalingRecord(
          state: .scalingDown(desired: 2, deadlineWallMilliseconds: 7 + Int64(version)),
          leaving: ScalingRecord.Leaving(nodes: [try node("a")], scale: 2))
      ])
  }

  @Test func whatIsSavedIsFoundByTheNextProcess() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/deep/er"
    var store = try RocksDBCoordinatorStore(path: path)
    #expect(try store.load() == nil)
    try store.save(record(version: 1, plan: 0))
    try store.save(record(version: 2, plan: 1))
    try store.save(record(version: 3, plan: 1))
    store.close()
    store = try RocksDBCoordinatorStore(path: path)
    #expect(try store.load() == record(version: 3, plan: 1))
    #expect(try store.planHistory(limit: 10).map(\.number) == [1])
    store.close()
  }

  @Test func aServiceThatWasForgottenDoesNotComeBack() throws {
    let folder = try TemporaryDirectory()
    var store = try RocksDBCoordinatorStore(path: folder.path)
    try store.save(record(version: 1, plan: 1))
    store.close()
    store = try RocksDBCoordinatorStore(path: folder.path)
    var record = try #require(try store.load())
    record.version = 2
    record.services[try service("users")] = nil
    record.members[try node("u")] = nil
    try store.save(record)
    store.close()
    store = try RocksDBCoordinatorStore(path: folder.path)
    #expect(try store.load() == record)
    store.close()
  }

  @Test func theHistoryIsOrderedAndBounded() throws {
    let folder = try TemporaryDirectory()
    let store = try RocksDBCoordinatorStore(path: folder.path)
    let twin = InMemoryCoordinatorStore()
    let last = UInt64(RocksDBCoordinatorStore.retainedPlans + 3)
    for number in [1, 2, 3, last - 1, last] {
      try store.save(record(version: number, plan: number))
      twin.save(try record(version: number, plan: number))
    }
    #expect(try store.planHistory(limit: 2).map(\.number) == [last, last - 1])
    #expect(try store.planHistory(limit: 100).map(\.number) == [last, last - 1])
    #expect(twin.planHistory(limit: 2).map(\.number) == [last, last - 1])
    #expect(try store.load() == twin.load())
    store.close()
  }

  @Test func aFolderInUseIsNamed() throws {
    let folder = try TemporaryDirectory()
    let store = try RocksDBCoordinatorStore(path: folder.path)
    let error = #expect(throws: ClusterError.self) {
      try RocksDBCoordinatorStore(path: folder.path)
    }
    #expect(error?.code == .storeInUse)
    #expect(error?.message.contains(folder.path) == true)
    store.close()
    let again = try RocksDBCoordinatorStore(path: folder.path)
    again.close()
    #expect(throws: ClusterError.self) { try again.load() }
  }

  @Test func aFolderThatCannotBeMadeIsNamed() throws {
    let error = #expect(throws: ClusterError.self) {
      try RocksDBCoordinatorStore(path: "/dev/null/coordinator")
    }
    #expect(error?.code == .cannotOpenStore)
  }

  @Test(
    "Replication factors, draining marks and rebalances are found again, and rebalances have a history"
  )
  func rebalancesAreKept() throws {
    let folder = try TemporaryDirectory()
    var store = try RocksDBCoordinatorStore(path: folder.path)
    let twin = InMemoryCoordinatorStore()
    var record = try record(version: 1, plan: 1)
    record.replicationFactors = [try service("users"): 3]
    record.members[try node("a")]?.isDraining = true
    for id in UInt64(1)...3 {
      for state in [Rebalance.State.proposed, .running, .done] {
        record.version += 1
        record.rebalance = Rebalance(
          id: id, reason: "r\(id)", createdAt: at(1).wall, state: state,
          steps: [
            RebalanceStep(
              shard: try shard(0), action: .move(from: try node("a"), to: try node("u")),
              expectedBytes: 9, expectedPause: .milliseconds(50), state: .done, outcome: "o",
              startedAt: at(2).wall, endedAt: at(3).wall, bytes: 8, pause: .microseconds(7),
              addedTarget: true, keepsSource: true),
            RebalanceStep(shard: try shard(1), action: .add(try node("u"))),
            RebalanceStep(shard: try shard(1), action: .remove(try node("a")), state: .dropped),
          ])
        try store.save(record)
        twin.save(record)
      }
    }
    store.close()
    store = try RocksDBCoordinatorStore(path: folder.path)
    #expect(try store.load() == record)
    let history = try store.rebalanceHistory(limit: 2)
    #expect(history.map(\.id) == [3, 2])
    #expect(history.allSatisfy { $0.state == .done })
    #expect(twin.rebalanceHistory(limit: 2) == history)
    store.close()
  }

  @Test("A folder of the first layout is read, and older software refuses it afterwards")
  func olderLayout() throws {
    let folder = try TemporaryDirectory()
    let store = try RocksDBCoordinatorStore(path: folder.path)
    try store.save(record(version: 3, plan: 2))
    store.close()
    try rewrite("format", in: folder.path) { _ in SealedRecord.seal([1], name: "format") }
    for name in ["cart", "users"] {
      try rewrite("service/\(name)", in: folder.path) { bytes in
        SealedRecord.seal(Array(bytes[5..<9]), name: "service/\(name)")
      }
    }
    let again = try RocksDBCoordinatorStore(path: folder.path)
    #expect(try again.load() == record(version: 3, plan: 2))
    again.close()
    try rewrite("format", in: folder.path) { bytes in
      #expect(bytes[5] == 2)
      return bytes
    }
  }

  @Test func aNewerLayoutIsRefused() throws {
    let folder = try TemporaryDirectory()
    try RocksDBCoordinatorStore(path: folder.path).close()
    try rewrite("format", in: folder.path) { SealedRecord.seal([$0[5] + 1], name: "format") }
    let error = #expect(throws: ClusterError.self) {
      try RocksDBCoordinatorStore(path: folder.path)
    }
    #expect(error?.code == .unknownFormatVersion)
  }

  @Test func everyFlippedBitOfTheStateIsFoundOut() throws {
    let folder = try TemporaryDirectory()
    let store = try RocksDBCoordinatorStore(path: folder.path)
    try store.save(record(version: 3, plan: 2))
    store.close()
    var random = SeededGenerator(seed: testSeed("flipped bits"))
    for _ in 0..<20 {
      var original: [UInt8] = []
      try rewrite("state", in: folder.path) { bytes in
        original = bytes
        var damaged = bytes
        let place = Int.random(in: damaged.indices, using: &random)
        damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        return damaged
      }
      // Before the database is opened for writing.
      let error = #expect(throws: ClusterError.self) {
        try RocksDBCoordinatorStore(path: folder.path)
      }
      #expect(error?.code == .corruptRecord)
      try rewrite("state", in: folder.path) { _ in original }
    }
    let sound = try RocksDBCoordinatorStore(path: folder.path)
    #expect(try sound.load() == record(version: 3, plan: 2))
    sound.close()
  }

  @Test func aRecordInAnothersPlaceIsFoundOut() throws {
    let sealed = SealedRecord.seal([1, 2, 3], name: "plan/1")
    #expect(try SealedRecord.open(sealed, name: "plan/1") == [1, 2, 3])
    #expect(throws: ClusterError.self) { try SealedRecord.open(sealed, name: "plan/2") }
    #expect(throws: ClusterError.self) {
      try SealedRecord.open(Array(sealed.prefix(4)), name: "plan/1")
    }
  }

  @Test func aStateWhoseServiceIsUnknownIsRefused() throws {
    let folder = try TemporaryDirectory()
    let store = try RocksDBCoordinatorStore(path: folder.path)
    var broken = try record(version: 3, plan: 2)
    broken.services = [try service("users"): 300]
    try store.save(broken)
    let error = #expect(throws: ClusterError.self) { try store.load() }
    #expect(error?.code == .corruptRecord)
    store.close()
  }

  private func rewrite(
    _ key: String, in path: String, _ change: ([UInt8]) -> [UInt8]
  ) throws {
    let database = try Database.open(
      path: path, options: DatabaseOptions(),
      families: [ColumnFamilyOptions(name: "coordinator")])
    let family = try #require(database.family("coordinator"))
    let bytes = try #require(try database.value(of: Array(key.utf8), in: family)?.copy())
    var batch = WriteBatch(for: database)
    batch.put(Array(key.utf8), change(bytes), in: family)
    try database.write(batch, sync: true)
  }
}
