package import CloudstateModel
import Glibc
package import ReplicatedData
import ShardStore

/// The replicated entities on their way into a backup folder. Used by one task. They are written anew in each
/// run: there is no telling what changed of them.
package final class ReplicaBackup {
  private let folder: BackupFolder
  private var file: WritingFile?
  private var entities: UInt64 = 0

  package init(in folder: BackupFolder) {
    self.folder = folder
    unlink(folder.file(BackupFormat.replicasPartial))
  }

  private var header: [UInt8] { BackupFormat.replicaHeader(of: folder.service) }

  package func append(
    _ state: ReplicatedEntityState, of entity: EntityKey
  ) throws(BackupError) {
    if file == nil {
      file = try WritingFile(folder.file(BackupFormat.replicasPartial))
      try file?.append(header)
    }
    let key = StoreKey.replica(entity, number: 0).bytes
    guard key.count <= Int(UInt16.max) else {
      throw BackupError(.damaged, "the name of entity \(entity) is too long")
    }
    let length = [UInt8(key.count >> 8), UInt8(key.count & 0xff)]
    let record = ReplicaRecord(state.encoded()).sealed(under: key)
    try file?.append(FrameReader.frame(length + key + record))
    entities += 1
  }

  package func finish() throws(BackupError) -> BackupManifest.Replicas {
    guard file != nil else { return .none }
    try file?.sync()
    file = nil
    let partial = folder.file(BackupFormat.replicasPartial)
    var reader = try FrameReader(partial, header: header)
    while try reader.next() != nil {}
    let name = BackupFormat.replicas(run: folder.run)
    try Files.rename(partial, to: folder.file(name), in: folder.path)
    return BackupManifest.Replicas(
      entities: entities,
      file: BackupManifest.File(name: name, bytes: reader.size, sha256: reader.digest))
  }
}
