import Backup
import CloudstateModel
import Foundation
import ReplicatedData
import ShardStore
import TestSupport
import Testing

@Suite struct BackupFolderTests {
  private let place: TemporaryDirectory
  private var path: String { "\(place.path)/nightly" }

  init() throws { place = try TemporaryDirectory() }

  @Test("A backup holds every batch up to the cut, and its digest")
  func everything() throws {
    var service = try MadeUpService()
    service.commit(7, in: 0)
    service.commit(1, in: 2, epoch: 9)
    let made = try service.backUp(to: path)
    #expect(made.run == 1)
    let reader = try BackupReader(path)
    #expect(reader.manifest == made)
    for index in 0..<service.shardCount {
      var found: [ShardDelta] = []
      try reader.batches(of: index) { found.append($0) }
      #expect(found == service.shards[Int(index)])
      #expect(made.shards[Int(index)].chain == service.chain(of: index))
      #expect(made.shards[Int(index)].end == service.end(of: index))
    }
    #expect(made.batches == 8)
    #expect(made.highestEpoch == Epoch(9))
    let verified = try BackupVerification(of: path)
    #expect(verified.isSound, "\(verified.problems)")
    #expect(verified.events == UInt64(service.shards.joined().reduce(0) { $0 + $1.events.count }))
    #expect(verified.leftOver.isEmpty)
  }

  @Test("A second backup adds what is new and leaves the files of the first one as they are")
  func incremental() throws {
    var service = try MadeUpService()
    service.commit(5, in: 0)
    service.commit(5, in: 1)
    let first = try service.backUp(to: path)
    service.commit(2, in: 1, epoch: 2)
    let second = try service.backUp(to: path)
    #expect(second.run == 2)
    #expect(second.shards[0] == first.shards[0])
    #expect(second.shards[1].files.first == first.shards[1].files.first)
    #expect(second.shards[1].files.map(\.lastPosition) == [5, 7])
    #expect(second.shards[1].chain == service.chain(of: 1))
    #expect(try BackupVerification(of: path).isSound)
  }

  @Test(
    "An interrupted run is taken up behind its last whole batch, and the backup before it stays sound"
  )
  func interrupted() throws {
    var service = try MadeUpService()
    service.commit(3, in: 0)
    try service.backUp(to: path)
    service.commit(6, in: 0)
    do {
      let folder = try BackupFolder(path: path, service: service.service, shardCount: 3)
      try folder.begin(service.cut())
      let backup = try ShardBackup(index: 0, in: folder)
      try backup.append(Array(service.frames(of: 0, after: Position(3)).prefix(4)))
      // Named, but in no manifest: as when the power fails right before that.
      _ = try backup.finish(consumers: [:])
    }
    let earlier = try BackupVerification(of: path)
    #expect(earlier.isSound)
    #expect(earlier.manifest.shards[0].end.position == Position(3))
    #expect(earlier.leftOver.contains("shard-00000.000002.batches"))

    // The end of the last frame never reached the disk.
    let file = "\(path)/shard-00000.000002.batches"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    try bytes.dropLast(3).write(to: URL(fileURLWithPath: file))
    let folder = try BackupFolder(path: path, service: service.service, shardCount: 3)
    let backup = try ShardBackup(index: 0, in: folder)
    #expect(backup.end.position == Position(6))
    #expect(backup.hasUnfinished)
    try backup.append(service.frames(of: 0, after: backup.end.position))
    let shard = try backup.finish(consumers: [:])
    #expect(shard.chain == service.chain(of: 0))
    #expect(shard.files.map(\.lastPosition) == [3, 9])
  }

  @Test("What an interrupted run has left can be forgotten")
  func startOver() throws {
    var service = try MadeUpService()
    service.commit(3, in: 0)
    try service.backUp(to: path)
    service.commit(3, in: 0)
    let folder = try BackupFolder(path: path, service: service.service, shardCount: 3)
    let backup = try ShardBackup(index: 0, in: folder)
    try backup.append(service.frames(of: 0, after: Position(3)))
    backup.startOver()
    #expect(backup.end.position == Position(3))
    try backup.append(Array(service.frames(of: 0, after: Position(3)).prefix(1)))
    #expect(try backup.finish(consumers: [:]).end.position == Position(4))
  }

  @Test("A batch that does not follow, or is not what was sent, is refused")
  func strangeBatches() throws {
    var service = try MadeUpService()
    service.commit(4, in: 0)
    let folder = try BackupFolder(path: path, service: service.service, shardCount: 3)
    let backup = try ShardBackup(index: 0, in: folder)
    let frames = service.frames(of: 0, after: .start)
    expectBackupError(.damaged, saying: "does not follow") { try backup.append([frames[1]]) }
    var changed = frames[0]
    changed[changed.count / 2] ^= 4
    expectBackupError(.damaged, saying: "not what was sent") { try backup.append([changed]) }
    // Of another shard.
    let other = service.shards[0][0].sealed(in: service.shard(1))
    expectBackupError(.damaged, saying: "not what was sent") { try backup.append([other]) }
    try backup.append(frames)
  }

  @Test("Positions of consumers are never behind the cut")
  func consumers() throws {
    var service = try MadeUpService()
    service.commit(4, in: 0)
    let consumer = ConsumerID(serviceName: "a.B", group: "g", eventLog: "carts")
    let made = try service.backUp(
      to: path, consumers: [consumer: ConsumerPosition(batches: Position(3), events: 1)])
    #expect(
      made.shards[0].consumers == [consumer: ConsumerPosition(batches: Position(3), events: 1)])
    #expect(made.shards[1].consumers == [consumer: .start])
    #expect(try BackupReader(path).manifest == made)
  }

  @Test("A folder of another service, with other files, or in use is refused")
  func foreignFolders() throws {
    var service = try MadeUpService()
    service.commit(1, in: 0)
    try service.backUp(to: path)
    let other = try #require(ServiceName("other"))
    expectBackupError(.conflict, saying: "service cart with 3 shards") {
      _ = try BackupFolder(path: path, service: other, shardCount: 3)
    }
    expectBackupError(.conflict, saying: "service cart with 3 shards") {
      _ = try BackupFolder(path: path, service: service.service, shardCount: 4)
    }
    let held = try BackupFolder(path: path, service: service.service, shardCount: 3)
    expectBackupError(.conflict, saying: "another cs-admin") {
      _ = try BackupFolder(path: path, service: service.service, shardCount: 3)
    }
    _ = held.run
    try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(place.path)/notes.txt"))
    expectBackupError(.conflict, saying: "other files") {
      _ = try BackupFolder(path: place.path, service: service.service, shardCount: 3)
    }
    expectBackupError(.notFound, saying: "no finished backup") {
      _ = try BackupReader("\(place.path)/nowhere")
    }
  }

  @Test("Replicated entities are kept as they are now, and those of the last backup are deleted")
  func replicas() throws {
    let service = try MadeUpService()
    let entity = service.entity("votes")
    try service.backUp(to: path, replicas: [entity: .live(ReplicatedValue(.gset))])
    let second = try service.backUp(
      to: path, replicas: [entity: .deleted, service.entity("b"): .live(ReplicatedValue(.orset))])
    var found: [EntityKey: ReplicatedEntityState] = [:]
    try BackupReader(path).replicas { found[$0] = $1 }
    #expect(found == [entity: .deleted, service.entity("b"): .live(ReplicatedValue(.orset))])
    #expect(second.replicas.entities == 2)
    #expect(try backupFiles(path) == ["manifest.json", "replicas.000002.copies"])
  }
}
