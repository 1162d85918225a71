import CloudstateModel

// A backup is a folder, format 1:
//
//   manifest.json                  what is in the backup; written last, in one step
//   cut.json                       the cut of a backup that is being made or was interrupted
//   shard-00003.000001.batches     batches of shard 3 that run 1 added
//   shard-00003.partial            the same while they are being fetched
//   replicas.000001.copies         replicated entities as of run 1
//   replicas.partial
//   lock                           locked while a backup is made
//
// Invariants
//
// 1. A file that the manifest names never changes. What a run adds goes into files of its own, which are synced
//    before a manifest names them; so whatever interrupts a run, the backup before it stays whole.
// 2. The manifest has the size and the SHA-256 of each of these files, and for each shard where it ends and the
//    digest of all its batches (see ``BatchChain``). Its own SHA-256 stands at its beginning. No bit of a
//    backup can change without being noticed.
// 3. The files of a shard hold its batches from position 1 without a gap.
//
// A file begins with a line of text that tells what it is, and goes on with frames: a length in four bytes,
// big-endian, and as many bytes. A batch is a `ShardDelta` in its sealed form, which has a checksum of its own.
// A copy of a replicated entity is its key in the store with two bytes of length in front, and the store's
// sealed record under it.

/// Constants and names of the format.
package enum BackupFormat {
  package static let version: UInt32 = 1

  static let manifest = "manifest.json"
  static let cut = "cut.json"
  static let lock = "lock"
  static let replicasPartial = "replicas.partial"

  static func batches(of shard: UInt32, run: UInt32) -> String {
    "shard-\(padded(shard, 5)).\(padded(run, 6)).batches"
  }

  static func partial(of shard: UInt32) -> String { "shard-\(padded(shard, 5)).partial" }

  static func replicas(run: UInt32) -> String { "replicas.\(padded(run, 6)).copies" }

  /// The first line of a shard's files.
  static func header(of shard: ShardID) -> [UInt8] {
    Array("cloudstate-backup \(version) batches of \(shard.service) shard \(shard.index)\n".utf8)
  }

  /// The first line of a file of replicated entities.
  static func replicaHeader(of service: ServiceName) -> [UInt8] {
    Array("cloudstate-backup \(version) replicated entities of \(service)\n".utf8)
  }

  private static func padded(_ number: UInt32, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
