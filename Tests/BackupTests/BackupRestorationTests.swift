import Backup
import CloudstateModel
import Foundation
import Logging
import ReplicatedData
import ShardStore
import TestSupport
import Testing

@Suite struct BackupRestorationTests {
  private let place: TemporaryDirectory
  private var path: String { "\(place.path)/nightly" }
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  init() throws { place = try TemporaryDirectory() }

  private func restoration() throws -> BackupRestoration {
    BackupRestoration(try BackupReader(path), logger: logger)
  }

  @Test(
    "A restored store has the batches, the state, the consumers and the replicated entities of the backup"
  )
  func everything() throws {
    var service = try MadeUpService()
    for index in 0..<service.shardCount { service.commit(50, in: index, epoch: 4) }
    let consumer = ConsumerID(serviceName: "a.B", group: "g", eventLog: "carts")
    let votes = service.entity("votes")
    let made = try service.backUp(
      to: path, consumers: [consumer: ConsumerPosition(batches: Position(49))],
      replicas: [votes: .live(ReplicatedValue(.vote))])
    let node = try #require(NodeID("n7"))
    let data = "\(place.path)/deep/data"
    try restoration().restore(.init(path: data, node: node, shards: [0, 1, 2]))

    let store = try RocksDBShardStore.open(path: data, logger: logger)
    defer { store.close() }
    for index in 0..<service.shardCount {
      let shard = service.shard(index)
      let (end, chain) = try store.chain(of: shard)
      #expect(end == service.end(of: index))
      #expect(chain == made.shards[Int(index)].chain)
      #expect(try store.verify(shard).batches == 50)
      #expect(
        try store.position(of: consumer, in: shard) == ConsumerPosition(batches: Position(49)))
      let last = try #require(service.shards[Int(index)].last)
      let events = try store.events(
        of: last.entity, in: shard, after: .none, byteLimit: .max)
      #expect(events.last?.payload == last.events.last)
      let newest = service.shards[Int(index)].last {
        $0.entity == last.entity && $0.snapshot != nil
      }
      #expect(try store.snapshot(of: last.entity, in: shard)?.payload == newest?.snapshot)
      // The next primary must not be one of before.
      #expect(throws: StoreError.self) { try store.openShard(shard, epoch: Epoch(3)) }
      #expect(try store.openShard(shard, epoch: Epoch(5)) == Position(50))
    }
    let replica = try #require(try store.replica(of: votes))
    #expect(replica.parts == [ReplicatedEntityState.live(ReplicatedValue(.vote)).encoded()])
    #expect(try store.metadata("replica-name") == nil)
    let identity = try #require(
      try store.metadata(NodeIdentity.documentName).flatMap(NodeIdentity.init(encoded:)))
    #expect(
      identity == NodeIdentity(service: service.service, nodeID: node, shardCount: 3))
  }

  @Test("Shards are spread evenly, and each is in one directory only")
  func split() throws {
    #expect(BackupRestoration.split(shardCount: 7, over: 3) == [[0, 3, 6], [1, 4], [2, 5]])
    #expect(BackupRestoration.split(shardCount: 2, over: 3) == [[0], [1], []])
  }

  @Test("A directory with something in it is left alone")
  func filledTarget() throws {
    var service = try MadeUpService()
    service.commit(2, in: 0)
    try service.backUp(to: path)
    let data = "\(place.path)/data"
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(data)/CURRENT"))
    expectBackupError(.conflict, saying: "not empty") {
      try restoration().restore(.init(path: data, node: nil, shards: [0, 1, 2]))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: data) == ["CURRENT"])
  }

  @Test("A damaged backup gives no data directory")
  func damaged() throws {
    var service = try MadeUpService()
    service.commit(20, in: 1)
    try service.backUp(to: path)
    let url = URL(fileURLWithPath: "\(path)/shard-00001.000001.batches")
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count - 2] ^= 1
    try bytes.write(to: url)
    let data = "\(place.path)/data"
    expectBackupError(.damaged, saying: "shard-00001.000001.batches") {
      try restoration().restore(.init(path: data, node: nil, shards: [0, 1, 2]))
    }
    #expect(!FileManager.default.fileExists(atPath: data))
    #expect(try backupFiles(place.path) == ["nightly"])
    // As when a restore was interrupted.
    try FileManager.default.createDirectory(
      atPath: "\(data).restoring", withIntermediateDirectories: true)
    expectBackupError(.conflict, saying: "data.restoring") {
      try restoration().restore(.init(path: data, node: nil, shards: [0, 2]))
    }
  }
}
