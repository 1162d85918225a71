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
      coordinatorID: "restored-\(identity)", version: 1,
      services: [manifest.service: manifest.shardCount],
      plan: Plan(
        number: 1, reason: "restored from a backup of \(timeText(manifest.startedAt))",
        createdAt: currentTime(), shards: shards))
  }

  func write(to path: String) throws(BackupError) {
    try BackupRestoration.make(path) { building throws(BackupError) in
      do throws(ClusterError) {
        let store = try RocksDBCoordinatorStore(path: building)
        defer { store.close() }
        try store.save(record)
      } catch {
        throw BackupError(.inputOutput, error.message)
      }
    }
  }
}
