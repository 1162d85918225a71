import Backup
import CloudstateModel
import ClusterControl
import Foundation
import Logging
import RocksDB
import ShardStore
import TestSupport
import Testing

/// Directories of one restore are there together or not at all.
@Suite struct RestoredDirectoriesTests {
  private let place: TemporaryDirectory
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  init() throws { place = try TemporaryDirectory() }

  private func path(_ name: String) -> String { "\(place.path)/\(name)" }

  private func store(_ path: String) throws(BackupError) {
    do throws(StoreError) {
      try RocksDBShardStore.open(path: path, logger: logger).close()
    } catch {
      throw BackupError(.inputOutput, error.message)
    }
  }

  @Test("When one cannot be made, none is, and nothing is left")
  func failedFill() throws {
    expectBackupError(.damaged, saying: "no more") {
      try RestoredDirectories.make([
        .init(path: path("a")) { path throws(BackupError) in try store(path) },
        .init(path: path("b")) { _ throws(BackupError) in throw BackupError(.damaged, "no more") },
      ])
    }
    #expect(try backupFiles(place.path) == [])
  }

  @Test("When what completes them fails, they are taken away again")
  func failedCompletion() throws {
    expectBackupError(.inputOutput, saying: "the coordinator") {
      try RestoredDirectories.make([
        .init(path: path("a")) { path throws(BackupError) in try store(path) }
      ]) { () throws(BackupError) in throw BackupError(.inputOutput, "the coordinator") }
    }
    #expect(try backupFiles(place.path) == [])
  }

  @Test("A directory of a restore that was interrupted while they were moved is refused")
  func interrupted() throws {
    // What a crash would leave at the worst moment.
    try RestoredDirectories.make([
      .init(path: path("a/")) { path throws(BackupError) in try store(path) },
      .init(path: path("b")) { path throws(BackupError) in try store(path) },
    ]) { () throws(BackupError) in
      for name in ["a", "b"] {
        let error = #expect(throws: StoreError.self) {
          try RocksDBShardStore.open(path: path(name), logger: logger)
        }
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("a restore that was interrupted") == true)
      }
      let error = #expect(throws: ClusterError.self) {
        try RocksDBCoordinatorStore(path: path("b"))
      }
      #expect(error?.message.contains("a restore that was interrupted") == true)
    }
    for name in ["a", "b"] { try store(path(name)) }
  }

  @Test("Two services of one cluster are restored one after the other, before its coordinator runs")
  func twoServices() async throws {
    for (index, name) in ["cart", "users"].enumerated() {
      var service = try MadeUpService(name)
      service.commit(5, in: 1, epoch: UInt64(index + 3))
      try service.backUp(to: path("backup-\(name)"))
    }
    let coordinator = path("coordinator")
    for name in ["cart", "users"] {
      #expect(try await restore(name) == .code(0))
      // Each service once.
      #expect(try await restore(name, to: "again") == .code(7))
      #expect(!FileManager.default.fileExists(atPath: path("again")))
    }
    var record: CoordinatorRecord?
    do {
      let store = try RocksDBCoordinatorStore(path: coordinator)
      record = try store.load()
      if var started = record {
        let shards = started.plan.shards
        #expect(
          shards.map(\.shard.description) == [0, 1, 2].map { "cart/\($0)" }
            + [0, 1, 2].map { "users/\($0)" })
        #expect(
          shards.map(\.primary.text) == [
            "cart-1", "cart-1", "cart-1", "users-1", "users-1", "users-1",
          ])
        #expect(shards.first?.epoch == Epoch(4))
        #expect(shards.last?.epoch == Epoch(5))
        let node = shards[0].primary
        started.members[node] = ClusterMember(
          info: NodeInfo(
            node: node, service: try #require(ServiceName("cart")), requestEndpoint: "tcp://x:1",
            publishEndpoint: "tcp://x:2", publicAddress: "x:3", incarnation: 1),
          liveness: .alive)
        started.version += 1
        try store.save(started)
      }
      store.close()
    }
    #expect(record?.services.count == 2)
    var third = try MadeUpService("orders")
    third.commit(1, in: 0)
    try third.backUp(to: path("backup-orders"))
    #expect(try await restore("orders") == .code(7))
    #expect(!FileManager.default.fileExists(atPath: path("orders-1")))
  }

  private func restore(_ service: String, to name: String? = nil) async throws -> TestProcess.Exit {
    let process = try TestProcess(
      builtProduct("cs-admin"),
      [
        "restore", "--from", path("backup-\(service)"), "--coordinator", path("coordinator"),
        "--data", "\(service)-1=\(path(name ?? "\(service)-1"))",
      ])
    return try await process.waitForExit()
  }
}
