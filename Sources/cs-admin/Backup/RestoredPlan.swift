import Backup
import CloudstateModel
import ClusterControl
import CommandClient

/// The coordinator's record that gives restored shards to the nodes that have them.
struct RestoredPlan {
  private let manifest: BackupManifest
  private let targets: [BackupRestoration.Target]

  init(_ manifest: BackupManifest, targets: [BackupRestoration.Target]) {
    self.manifest = manifest
    self.targets = targets
  }

  /// All epochs are higher than those in the backup: the nodes' stores refuse others.
  var record: CoordinatorRecord {
    let epoch = manifest.highestEpoch.next
    let shards = targets.flatMap { target in
      target.shards.compactMap { index in
        target.node.map {
          ShardAssignment(
            shard: ShardID(service: manifest.service, index: index), primary: $0, epoch: epoch)
        }
      }
    }.sorted { $0.shard < $1.shard }
    let identity = String(UInt64.random(in: .min ... .max), radix: 16)
    return CoordinatorRecord(
      coordinatorID: "\(Self.identityPrefix)\(identity)", version: 1,
      services: [manifest.service: manifest.shardCount],
      plan: Plan(
        number: 1, reason: "restored from a backup of \(timeText(manifest.startedAt))",
        createdAt: currentTime(), shards: shards))
  }

  /// The coordinator's directory, still to be made.
  func directory(_ path: String) -> RestoredDirectories.Directory {
    .init(path: path) { building throws(BackupError) in try save(record, in: building) }
  }

  // MARK: A coordinator of several services

  private static let identityPrefix = "restored-"

  /// Whether the coordinator's directory is there from the restore of another service of the same cluster.
  ///
  /// - Throws: ``BackupError`` with `.conflict` if it holds something else.
  func isSecond(in path: String) throws(BackupError) -> Bool {
    guard try BackupRestoration.isFilled(path) else { return false }
    _ = try joined(with: load(path), path: path)
    return true
  }

  /// Adds this service to the coordinator's directory, in one step.
  func add(to path: String) throws(BackupError) {
    try save(joined(with: load(path), path: path), in: path)
  }

  private func load(_ path: String) throws(BackupError) -> CoordinatorRecord? {
    do throws(ClusterError) {
      // Opening a store would make one.
      guard try RocksDBCoordinatorStore.isThere(path) else { return nil }
      let store = try RocksDBCoordinatorStore(path: path)
      defer { store.close() }
      return try store.load()
    } catch {
      throw BackupError(error.code == .corruptRecord ? .damaged : .conflict, error.message)
    }
  }

  private func joined(
    with found: CoordinatorRecord?, path: String
  ) throws(BackupError) -> CoordinatorRecord {
    guard var joined = found, joined.coordinatorID.hasPrefix(Self.identityPrefix),
      joined.members.isEmpty
    else {
      throw BackupError(
        .conflict,
        "\(path) is not empty, and no coordinator that was restored and has not run since: restore all services of a "
          + "cluster, one after the other, before its coordinator starts. Nothing was changed")
    }
    guard joined.services[manifest.service] == nil else {
      throw BackupError(
        .conflict,
        "\(path) has service \(manifest.service) already; delete it, and the nodes' directories, to restore anew. "
          + "Nothing was changed")
    }
    let own = record
    let nodes = Set(joined.plan.shards.map(\.primary))
    if let node = own.plan.shards.map(\.primary).first(where: nodes.contains) {
      throw BackupError(
        .conflict,
        "node \(node) has another service in \(path): a node serves one. Nothing was changed")
    }
    joined.services.merge(own.services) { _, new in new }
    joined.plan = Plan(
      number: joined.plan.number + 1, reason: own.plan.reason, createdAt: own.plan.createdAt,
      shards: (joined.plan.shards + own.plan.shards).sorted { $0.shard < $1.shard })
    joined.version += 1
    return joined
  }

  private func save(_ record: CoordinatorRecord, in path: String) throws(BackupError) {
    do throws(ClusterError) {
      let store = try RocksDBCoordinatorStore(path: path)
      defer { store.close() }
      try store.save(record)
    } catch {
      throw BackupError(.inputOutput, error.message)
    }
  }
}
