import ShardStore

/// What a look at every byte of a backup has found.
package struct BackupVerification: Sendable {
  package struct Problem: Hashable, Sendable {
    /// `nil` for what concerns the replicated entities.
    package var shard: UInt32?
    package var text: String
  }

  package let manifest: BackupManifest
  package private(set) var problems: [Problem] = []
  package private(set) var events: UInt64 = 0
  /// Files that no finished backup needs: left by a run that was interrupted.
  package private(set) var leftOver: [String] = []

  /// Reads everything. Goes on behind damage, so that all of it is found.
  ///
  /// - Throws: ``BackupError`` if there is no manifest that can be read.
  package init(of path: String) throws(BackupError) {
    let reader = try BackupReader(path)
    manifest = reader.manifest
    for index in 0..<manifest.shardCount {
      do throws(BackupError) {
        var count: UInt64 = 0
        try reader.batches(of: index) { count += UInt64($0.events.count) }
        events += count
      } catch {
        problems.append(Problem(shard: index, text: error.message))
      }
    }
    do throws(BackupError) {
      try reader.replicas { _, _ in }
    } catch {
      problems.append(Problem(shard: nil, text: error.message))
    }
    var known = Set(manifest.shards.flatMap(\.files).map(\.name))
    known.formUnion([BackupFormat.manifest, BackupFormat.lock])
    if let file = manifest.replicas.file { known.insert(file.name) }
    leftOver = (try Files.names(in: path) ?? []).filter { !known.contains($0) }
  }

  package var isSound: Bool { problems.isEmpty }
}
