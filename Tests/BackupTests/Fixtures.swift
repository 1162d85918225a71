import Backup
import CloudstateModel
import Foundation
import ReplicatedData
import ShardStore
import TestSupport
import Testing

/// A service whose shards are made up, as they would be at its nodes.
struct MadeUpService {
  let service: ServiceName
  let shardCount: UInt32 = 3
  private(set) var shards: [[ShardDelta]] = [[], [], []]

  init(_ name: String = "cart") throws { service = try #require(ServiceName(name)) }

  func shard(_ index: UInt32) -> ShardID { ShardID(service: service, index: index) }

  func entity(_ id: String) -> EntityKey { EntityKey(persistenceID: "carts", entityID: id) }

  /// Commits `count` batches of one or two events in a shard.
  mutating func commit(_ count: Int, in index: UInt32, epoch: UInt64 = 1, text: String = "x") {
    for _ in 0..<count {
      let number = UInt64(shards[Int(index)].count + 1)
      let entity = entity("e\(index)-\(number % 3)")
      let earlier = shards[Int(index)].filter { $0.entity == entity }
        .reduce(0) { $0 + $1.events.count }
      let events = (0..<(1 + Int(number % 2))).map {
        OpaquePayload(typeURL: "t/test.Added", value: Array("\(text)\(number).\($0)".utf8))
      }
      shards[Int(index)].append(
        ShardDelta(
          position: Position(number), epoch: Epoch(epoch),
          time: Timestamp(unixMilliseconds: 1000 + Int64(number)), entity: entity,
          firstSequence: SequenceNumber(Int64(earlier + 1)), events: events,
          snapshot: number.isMultiple(of: 4)
            ? OpaquePayload(typeURL: "t/test.Cart", value: [UInt8(number & 255)]) : nil))
    }
  }

  /// Where a shard ends.
  func end(of index: UInt32) -> ShardEnd {
    shards[Int(index)].last.map { ShardEnd(position: $0.position, epoch: $0.epoch, time: $0.time) }
      ?? .empty
  }

  func cut(consumers: [ConsumerID: ConsumerPosition] = [:]) -> BackupCut {
    BackupCut(
      startedAt: Timestamp(unixMilliseconds: 5000),
      shards: (0..<shardCount).map { .init(end: end(of: $0), consumers: consumers, node: "n1") })
  }

  /// The frames behind a position, as a node would send them.
  func frames(of index: UInt32, after position: Position) -> [[UInt8]] {
    shards[Int(index)].filter { $0.position > position }.map { $0.sealed(in: shard(index)) }
  }

  /// Makes a backup of everything, as `cs-admin backup` does.
  @discardableResult
  func backUp(
    to path: String, consumers: [ConsumerID: ConsumerPosition] = [:],
    replicas: [EntityKey: ReplicatedEntityState] = [:]
  ) throws -> BackupManifest {
    let folder = try BackupFolder(path: path, service: service, shardCount: shardCount)
    let cut = cut(consumers: consumers)
    try folder.begin(cut)
    let shards = try (0..<shardCount).map { index in
      let backup = try ShardBackup(index: index, in: folder)
      try backup.append(frames(of: index, after: backup.end.position))
      return try backup.finish(consumers: cut.shards[Int(index)].consumers)
    }
    let copies = ReplicaBackup(in: folder)
    for (entity, state) in replicas { try copies.append(state, of: entity) }
    let manifest = BackupManifest(
      service: service, shardCount: shardCount, run: folder.run, startedAt: cut.startedAt,
      finishedAt: Timestamp(unixMilliseconds: 6000), softwareVersion: "test", shards: shards,
      replicas: try copies.finish())
    try folder.finish(manifest)
    return manifest
  }

  /// The digest of a shard's batches.
  func chain(of index: UInt32) -> BatchChain {
    var chain = BatchChain.start
    for delta in shards[Int(index)] { chain.add(delta) }
    return chain
  }
}

/// The names in a folder of a backup, without the lock.
func backupFiles(_ path: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: path).filter { $0 != "lock" }.sorted()
}

func expectBackupError(
  _ code: BackupError.Code, saying words: String = "", _ body: () throws -> Void,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  do {
    try body()
    Issue.record("nothing was refused", sourceLocation: sourceLocation)
  } catch let error as BackupError {
    #expect(error.code == code, "\(error.message)", sourceLocation: sourceLocation)
    #expect(
      words.isEmpty || error.message.contains(words), "\(error.message)",
      sourceLocation: sourceLocation)
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
}
