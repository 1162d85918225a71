package import CloudstateModel
import Glibc
package import ShardStore

/// The batches of one shard on their way into a backup folder. Used by one task.
package final class ShardBackup {
  package let shard: ShardID
  private let folder: BackupFolder
  private let files: [BackupManifest.File]
  /// Where the backup that is there ends.
  private let base: (end: ShardEnd, chain: BatchChain)
  /// Where what was fetched ends.
  package private(set) var end: ShardEnd
  private var chain: BatchChain
  private var file: WritingFile?
  /// Bytes of the file with what waits to be written.
  private var fileBytes: UInt64 = 0

  /// Goes on behind the backup that is there, and behind what an interrupted run has left.
  package init(index: UInt32, in folder: BackupFolder) throws(BackupError) {
    self.folder = folder
    shard = ShardID(service: folder.service, index: index)
    let last = folder.last?.shards[Int(index)] ?? .empty
    files = last.files
    base = (last.end, last.chain)
    (end, chain) = base
    try takeUp()
  }

  private var partial: String { folder.file(BackupFormat.partial(of: shard.index)) }
  private var final: String { BackupFormat.batches(of: shard.index, run: folder.run) }

  /// Whether anything was fetched that the last backup does not have.
  package var hasUnfinished: Bool { end != base.end }

  /// Reads what an interrupted run has left, up to the first frame that is not whole.
  private func takeUp() throws(BackupError) {
    // A file that was finished, but for the manifest, is one that was not.
    let finished = folder.file(final)
    if access(finished, F_OK) == 0 { try Files.rename(finished, to: partial, in: folder.path) }
    guard access(partial, F_OK) == 0 else { return }
    let header = BackupFormat.header(of: shard)
    do throws(BackupError) {
      var reader = try FrameReader(partial, header: header)
      fileBytes = reader.offset
      while let frame = try reader.next() {
        let delta = try decoded(frame)
        try follow(delta)
        fileBytes = reader.offset
      }
    } catch {
      guard error.code == .damaged else { throw error }
    }
    guard fileBytes > 0 else { return }
    file = try WritingFile(partial, keeping: fileBytes)
  }

  private func decoded(_ frame: [UInt8]) throws(BackupError) -> ShardDelta {
    do throws(FormatError) {
      return try ShardDelta.open(frame, in: shard)
    } catch {
      throw BackupError(.damaged, "a batch of shard \(shard) is not what was sent: \(error)")
    }
  }

  private func follow(_ delta: ShardDelta) throws(BackupError) {
    guard delta.position == end.position.next, delta.epoch >= end.epoch else {
      throw BackupError(
        .damaged,
        "batch \(delta.position) of shard \(shard) does not follow batch \(end.position)")
    }
    chain.add(delta)
    end = ShardEnd(position: delta.position, epoch: delta.epoch, time: delta.time)
  }

  /// Takes the next batches, in their sealed form.
  ///
  /// - Throws: ``BackupError`` with `.damaged` for what does not follow, or was changed on its way.
  package func append(_ frames: [[UInt8]]) throws(BackupError) {
    for frame in frames {
      try follow(decoded(frame))
      if file == nil {
        let header = BackupFormat.header(of: shard)
        file = try WritingFile(partial)
        try file?.append(header)
        fileBytes = UInt64(header.count)
      }
      try file?.append(FrameReader.frame(frame))
      fileBytes += UInt64(4 + frame.count)
    }
  }

  /// Forgets what was fetched since the last backup.
  package func startOver() {
    file = nil
    fileBytes = 0
    unlink(partial)
    (end, chain) = base
  }

  /// Puts everything on stable storage and names it as a part of the next manifest.
  package func finish(
    consumers: [ConsumerID: ConsumerPosition]
  ) throws(BackupError) -> BackupManifest.Shard {
    var all = files
    if hasUnfinished {
      try file?.sync()
      file = nil
      var reader = try FrameReader(partial, header: BackupFormat.header(of: shard))
      // What the manifest vouches for is what the disk gives back.
      while try reader.next() != nil {}
      all.append(
        BackupManifest.File(
          name: final, bytes: reader.size, sha256: reader.digest,
          firstPosition: base.end.position.next.number, lastPosition: end.position.number))
      try Files.rename(partial, to: folder.file(final), in: folder.path)
    } else {
      file = nil
      unlink(partial)
    }
    return BackupManifest.Shard(end: end, chain: chain, files: all, consumers: consumers)
  }
}
