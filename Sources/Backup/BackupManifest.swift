package import CloudstateModel
package import ShardStore

/// What a finished backup holds.
package struct BackupManifest: Hashable, Sendable {
  package var service: ServiceName
  package var shardCount: UInt32
  /// Counts the backups made into the folder, from 1.
  package var run: UInt32
  package var startedAt: Timestamp
  package var finishedAt: Timestamp
  /// Of the program that made it.
  package var softwareVersion: String
  /// By index.
  package var shards: [Shard]
  package var replicas: Replicas

  package init(
    service: ServiceName, shardCount: UInt32, run: UInt32, startedAt: Timestamp,
    finishedAt: Timestamp, softwareVersion: String, shards: [Shard], replicas: Replicas
  ) {
    self.service = service
    self.shardCount = shardCount
    self.run = run
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.softwareVersion = softwareVersion
    self.shards = shards
    self.replicas = replicas
  }

  package struct Shard: Hashable, Sendable {
    /// The last batch.
    package var end: ShardEnd
    package var chain: BatchChain
    package var files: [File]
    package var consumers: [ConsumerID: ConsumerPosition]

    package static let empty = Shard(end: .empty, chain: .start, files: [], consumers: [:])

    package init(
      end: ShardEnd, chain: BatchChain, files: [File],
      consumers: [ConsumerID: ConsumerPosition]
    ) {
      self.end = end
      self.chain = chain
      self.files = files
      self.consumers = consumers
    }
  }

  package struct File: Hashable, Sendable {
    package var name: String
    package var bytes: UInt64
    /// In hexadecimal.
    package var sha256: String
    /// Of the batches in it; both 0 for a file without batches.
    package var firstPosition: UInt64 = 0
    package var lastPosition: UInt64 = 0
  }

  package struct Replicas: Hashable, Sendable {
    package var entities: UInt64
    package var file: File?

    package static let none = Replicas(entities: 0, file: nil)
  }

  /// Bytes of all files.
  package var bytes: UInt64 {
    shards.reduce(replicas.file?.bytes ?? 0) { $0 + $1.files.reduce(0) { $0 + $1.bytes } }
  }

  /// Batches of all shards.
  package var batches: UInt64 { shards.reduce(0) { $0 + $1.end.position.number } }

  /// The highest epoch of a batch.
  package var highestEpoch: Epoch { shards.map(\.end.epoch).max() ?? .none }
}

/// What a backup that is being made will hold: of each shard everything up to a position.
package struct BackupCut: Hashable, Sendable {
  package struct Shard: Hashable, Sendable {
    package var end: ShardEnd
    package var consumers: [ConsumerID: ConsumerPosition]
    /// The owner that said so.
    package var node: String

    package init(end: ShardEnd, consumers: [ConsumerID: ConsumerPosition], node: String) {
      self.end = end
      self.node = node
      // Nothing behind the cut is there, so nobody has done it.
      self.consumers = consumers.mapValues {
        min($0, ConsumerPosition(batches: end.position))
      }
    }
  }

  package var startedAt: Timestamp
  /// By index.
  package var shards: [Shard]

  package init(startedAt: Timestamp, shards: [Shard]) {
    self.startedAt = startedAt
    self.shards = shards
  }
}
