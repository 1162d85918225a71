package import CloudstateModel
package import ReplicatedData
package import ShardStore

/// Reads the files of a finished backup, and compares them with its manifest. Any thread.
package struct BackupReader: Sendable {
  package let path: String
  package let manifest: BackupManifest

  /// - Throws: ``BackupError``; `.notFound` if there is no finished backup.
  package init(_ path: String) throws(BackupError) {
    self.path = path
    manifest = try BackupManifest(readingFrom: path)
  }

  /// Hands over all batches of a shard in order, then makes sure that they were the right ones.
  ///
  /// - Throws: ``BackupError`` with `.damaged`, naming the file, or what `body` throws.
  package func batches(
    of index: UInt32, _ body: (ShardDelta) throws(BackupError) -> Void
  ) throws(BackupError) {
    let shard = ShardID(service: manifest.service, index: index)
    let stated = manifest.shards[Int(index)]
    var (end, chain) = (ShardEnd.empty, BatchChain.start)
    for file in stated.files {
      try frames(of: file, header: BackupFormat.header(of: shard)) { frame throws(BackupError) in
        let delta: ShardDelta
        do throws(FormatError) {
          delta = try ShardDelta.open(frame, in: shard)
        } catch {
          throw damaged(
            file, "the batch behind position \(end.position) cannot be trusted: \(error)")
        }
        guard delta.position == end.position.next, delta.epoch >= end.epoch else {
          throw damaged(file, "batch \(delta.position) stands behind batch \(end.position)")
        }
        chain.add(delta)
        end = ShardEnd(position: delta.position, epoch: delta.epoch, time: delta.time)
        try body(delta)
      }
      guard end.position.number == file.lastPosition else {
        throw damaged(file, "it ends at batch \(end.position), not \(file.lastPosition)")
      }
    }
    guard end == stated.end, chain == stated.chain else {
      throw BackupError(
        .damaged, "the batches of shard \(index) are not those that the manifest names")
    }
  }

  /// Hands over all replicated entities, then makes sure that they were the right ones.
  package func replicas(
    _ body: (EntityKey, ReplicatedEntityState) throws(BackupError) -> Void
  ) throws(BackupError) {
    guard let file = manifest.replicas.file else { return }
    var count: UInt64 = 0
    try frames(of: file, header: BackupFormat.replicaHeader(of: manifest.service)) {
      frame throws(BackupError) in
      let (entity, content) = try replica(in: frame, of: file)
      let state: ReplicatedEntityState
      do throws(ReplicatedDataFormatError) {
        state = try ReplicatedEntityState(decoding: content)
      } catch {
        throw damaged(file, "entity \(entity) cannot be read: \(error)")
      }
      count += 1
      try body(entity, state)
    }
    guard count == manifest.replicas.entities else {
      throw damaged(file, "it holds \(count) entities, not \(manifest.replicas.entities)")
    }
  }

  private func replica(
    in frame: [UInt8], of file: BackupManifest.File
  ) throws(BackupError) -> (EntityKey, [UInt8]) {
    do throws(FormatError) {
      guard frame.count >= 2 else { throw .truncated }
      let end = 2 + (Int(frame[0]) << 8 | Int(frame[1]))
      guard frame.count >= end else { throw .truncated }
      let key = Array(frame[2..<end])
      guard case .replica(let entity, number: 0) = try StoreKey.decode(key.span, in: .crdt) else {
        throw .malformed("another key")
      }
      let record = try ReplicaRecord.open(Array(frame[end...]).span, under: key)
      return (entity, record.content)
    } catch {
      throw damaged(file, "a copy of a replicated entity cannot be trusted: \(error)")
    }
  }

  private func frames(
    of file: BackupManifest.File, header: [UInt8], _ body: ([UInt8]) throws(BackupError) -> Void
  ) throws(BackupError) {
    var reader = try FrameReader("\(path)/\(file.name)", header: header)
    guard reader.size == file.bytes else {
      throw damaged(file, "it has \(reader.size) bytes, not \(file.bytes)")
    }
    while let frame = try reader.next() { try body(frame) }
    guard reader.digest == file.sha256 else { throw damaged(file, "its SHA-256 is another one") }
  }

  private func damaged(_ file: BackupManifest.File, _ what: String) -> BackupError {
    BackupError(.damaged, "\(path)/\(file.name) is damaged: \(what)")
  }
}
