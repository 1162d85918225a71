import CloudstateModel
import Foundation
import MessageBus
import NIOCore
import RocksDB
import ShardStore
import TestSupport
import Testing

@testable import ShardReplication

/// What replication does with real stores when one of them fails, is damaged or has lost what it held.
@Suite(.serialized) struct ReplicationFaultTests {
  private let place: TemporaryDirectory
  private let network = InMemoryNetwork()
  private let (a, b): (NodeID, NodeID)
  private let shard: ShardID
  private let entity = EntityKey(persistenceID: "carts", entityID: "ada")

  init() throws {
    place = try TemporaryDirectory()
    (a, b) = (try #require(NodeID("a")), try #require(NodeID("b")))
    shard = ShardID(service: try #require(ServiceName("cart")), index: 0)
  }

  private func assignment(
    _ primary: NodeID, _ replica: NodeID, isInSync: Bool = true, epoch: UInt64 = 1
  ) -> ShardAssignment {
    ShardAssignment(
      shard: shard, primary: primary, replicas: [replica], inSync: isInSync ? [replica] : [],
      epoch: Epoch(epoch))
  }

  private func node(
    _ id: NodeID, settings: ShardReplicationSettings = .quick, disk: FailingDisk = FailingDisk()
  ) async throws -> ReplicationNode {
    try await ReplicationNode(
      id, at: "\(place.path)/\(id)", in: network, peers: [a, b], settings: settings, disk: disk)
  }

  /// Both nodes, with `a` serving and `b` in-sync.
  private func start(disk: FailingDisk = FailingDisk()) async throws -> (
    ReplicationNode, ReplicationNode
  ) {
    let (first, second) = (try await node(a, disk: disk), try await node(b))
    for node in [second, first] { node.follow(assignment(a, b)) }
    try await eventually("the shard is served") { first.host.count(of: .serve) > 0 }
    return (first, second)
  }

  private func batch(_ sequence: Int64, epoch: UInt64 = 1) -> ShardBatch {
    ShardBatch(
      shard: shard, epoch: Epoch(epoch), entity: entity, time: Timestamp(unixMilliseconds: 1),
      firstSequence: SequenceNumber(sequence),
      events: [OpaquePayload(typeURL: "t/test.Added", value: [UInt8(sequence)])])
  }

  private func write(_ count: Int64, to node: ReplicationNode) async throws {
    let outcomes = Outcomes()
    for sequence in 1...count { try await node.submit(batch(sequence), to: outcomes) }
    try await eventually("the batches are confirmed") { outcomes.count == Int(count) }
    #expect(outcomes.failures.allSatisfy { $0 == nil })
  }

  private func tamper(_ key: StoreKey, at path: String) throws {
    let database = try Database.open(
      path: path, options: DatabaseOptions(),
      families: StoreFamily.allCases.map { ColumnFamilyOptions(name: $0.rawValue) })
    var batch = WriteBatch(for: database)
    batch.put(key.bytes, [1, 2, 3], in: try #require(database.family(key.family.rawValue)))
    try database.write(batch, sync: true)
  }

  @Test("Consumers that stop after the fence was given up take nothing away from the shard")
  func lateStop() async throws {
    let (first, second) = try await start()
    let move = ShardMove(shard: shard, source: a, target: b, bytes: 0, phase: .fenced)
    first.follow(assignment(a, b), move: move)
    try await eventually("consumers are told to stop") { first.host.stops.count == 1 }
    try await eventually("the fence is given up") { first.host.count(of: .serve) == 2 }
    let stopped = try #require(first.host.stops.first)
    try await first.settle { stopped() }
    try await first.settle()
    #expect(first.host.count(of: .handOver) == 0)
    #expect(await first.report()?.isServing == true)
    try await first.stop()
    try await second.stop()
  }

  @Test("A refused batch is answered, although nothing else of the shard is confirmed")
  func refusedBatch() async throws {
    let (first, second) = try await start()
    let outcomes = Outcomes()
    try await first.submit(batch(7), to: outcomes)
    try await eventually("the refusal is given out") { outcomes.count == 1 }
    #expect(outcomes.failures == [.outOfSequence])
    try await first.stop()
    try await second.stop()
  }

  @Test("A refusal comes after the outcome of what was submitted before it, not instead of it")
  func refusalInTurn() async throws {
    let (first, second) = try await start()
    let outcomes = Outcomes()
    try await first.submit(batch(1), to: outcomes)
    try await first.submit(batch(7), to: outcomes)
    try await eventually("both are answered") { outcomes.count == 2 }
    #expect(outcomes.failures == [nil, .outOfSequence])
    try await first.stop()
    try await second.stop()
  }

  @Test("A primary whose disk fails says that its copy is unusable, and the other one takes over")
  func failedDisk() async throws {
    let disk = FailingDisk()
    let (first, second) = try await start(disk: disk)
    try await write(3, to: first)
    disk.fail()
    let outcomes = Outcomes()
    try await first.submit(batch(4), to: outcomes)
    try await eventually("the batch fails") { outcomes.count == 1 }
    #expect(outcomes.failures != [nil])
    try await eventually("it is reported") { await first.report()?.unusable != nil }
    #expect(first.host.count(of: .giveUp) == 1)
    second.follow(assignment(b, a, isInSync: false, epoch: 2))
    try await eventually("the copy is served") { second.host.count(of: .serve) == 1 }
    #expect(try second.store.lastPosition(of: shard).number >= 3)
    try await first.stop()
    try await second.stop()
  }

  enum Harm: CaseIterable { case damaged, emptied }

  @Test(
    "A copy that is damaged or has lost what was confirmed leaves the in-sync set, and is made anew then",
    arguments: Harm.allCases)
  func harmedReplica(_ harm: Harm) async throws {
    let (first, old) = try await start()
    try await write(3, to: first)
    try await old.stop()
    switch harm {
    case .damaged: try tamper(.stream(shard, Position(3)), at: old.path)
    case .emptied: try FileManager.default.removeItem(atPath: old.path)
    }
    let second = try await node(b)
    second.follow(assignment(a, b))
    try await eventually("it is reported") { await first.report()?.lagging == [b] }
    for node in [first, second] { node.follow(assignment(a, b, isInSync: false, epoch: 2)) }
    try await eventually("the copy is whole again") { await first.report()?.caughtUp == [b] }
    #expect(try second.copies.verify(shard) == first.copies.verify(shard))
    #expect(try second.copies.end(of: shard).position == Position(3))
    try await first.stop()
    try await second.stop()
  }

  @Test("A primary that has lost its store takes over what its replica has before it serves")
  func emptiedPrimary() async throws {
    let (old, second) = try await start()
    try await write(3, to: old)
    try await old.stop()
    try FileManager.default.removeItem(atPath: old.path)
    let first = try await node(a)
    first.follow(assignment(a, b))
    try await eventually("the shard is served") { first.host.count(of: .serve) == 1 }
    #expect(try first.store.lastPosition(of: shard) == Position(3))
    #expect(try first.copies.verify(shard) == second.copies.verify(shard))
    try await first.stop()
    try await second.stop()
  }

  @Test("A copy promises for as long as the primary means to answer, whatever its own setting")
  func lengthOfLease() async throws {
    var long = ShardReplicationSettings.quick
    long.lease = .seconds(600)
    let first = try await node(a, settings: long)
    let second = try await node(b)
    for node in [second, first] { node.follow(assignment(a, b)) }
    // Served only when the lease is over that a process before this one may have granted.
    try await eventually("the copy was asked") {
      try second.copies.end(of: shard).position == .start
        && second.replicator.leases.end(of: shard, isReplicated: true) > NIODeadline.now()
          .uptimeNanoseconds + 500
          * 1_000_000_000
    }
    try await first.stop()
    try await second.stop()
  }

  @Test("A promise is the longer of what is asked and what is set, and no later one shortens it")
  func promises() {
    var settings = ShardReplicationSettings()
    settings.lease = .seconds(1)
    settings.leaseMargin = .zero
    let leases = LeaseBook(settings: settings, now: 0)
    #expect(leases.end(of: shard, isReplicated: true) == 1_000_000_000)
    leases.promise(shard, for: .seconds(9), now: 1_000_000_000)
    #expect(leases.end(of: shard, isReplicated: true) == 10_000_000_000)
    leases.promise(shard, for: .milliseconds(1), now: 2_000_000_000)
    #expect(leases.end(of: shard, isReplicated: true) == 10_000_000_000)
    leases.promise(shard, for: .milliseconds(1), now: 20_000_000_000)
    #expect(leases.end(of: shard, isReplicated: true) == 21_000_000_000)
    leases.release(shard)
    #expect(leases.end(of: shard, isReplicated: true) == 0)
  }

  @Test(
    "A node alone owes nobody a wait, but keeps what it has promised when its shard loses the last copy"
  )
  func promisesWithoutCopies() {
    let leases = LeaseBook(settings: ShardReplicationSettings(), now: 0)
    #expect(leases.end(of: shard, isReplicated: false) == 0)
    leases.promise(shard, for: .seconds(9), now: 0)
    #expect(leases.end(of: shard, isReplicated: false) >= 9_000_000_000)
  }

  @Test("A replica that becomes the only copy serves when the lease it granted is over")
  func onlyCopyLeft() async throws {
    var long = ShardReplicationSettings.quick
    long.lease = .seconds(1)
    let (first, second) = (try await node(a, settings: long), try await node(b))
    for node in [second, first] { node.follow(assignment(a, b)) }
    try await eventually("the shard is served") { first.host.count(of: .serve) > 0 }
    let promised = second.replicator.leases.end(of: shard, isReplicated: false)
    // The old primary hears of neither plan, and this node only of the second.
    second.follow(
      ShardAssignment(shard: shard, primary: b, replicas: [], inSync: [], epoch: Epoch(3)))
    try await eventually("the shard is served") { second.host.count(of: .serve) > 0 }
    #expect(NIODeadline.now().uptimeNanoseconds >= promised)
    try await first.stop()
    try await second.stop()
  }
}
