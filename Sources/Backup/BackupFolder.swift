package import CloudstateModel
import Glibc

/// A folder into which a backup is made. Locked against other programs while it is open. Any thread.
package final class BackupFolder: Sendable {
  package let path: String
  package let service: ServiceName
  package let shardCount: UInt32
  /// The backup that is there.
  package let last: BackupManifest?
  /// The number of this run.
  package let run: UInt32
  private let lock: FolderLock

  /// Opens a folder, or makes one.
  ///
  /// - Throws: ``BackupError``; `.conflict` if it holds something else or is in use.
  package init(
    path: String, service: ServiceName, shardCount: UInt32
  ) throws(BackupError) {
    self.path = path
    self.service = service
    self.shardCount = shardCount
    try Files.makeFolder(path)
    let names = try Files.names(in: path) ?? []
    guard names.allSatisfy(Self.isOurs) else {
      throw BackupError(
        .conflict, "\(path) holds other files than a backup; give the backup a folder of its own")
    }
    lock = try FolderLock("\(path)/\(BackupFormat.lock)", of: path)
    do throws(BackupError) {
      last = try BackupManifest(readingFrom: path)
    } catch {
      guard error.code == .notFound else { throw error }
      last = nil
    }
    if let last, last.service != service || last.shardCount != shardCount {
      throw BackupError(
        .conflict,
        "\(path) holds a backup of service \(last.service) with \(last.shardCount) shards, not of "
          + "\(service) with \(shardCount); give this one another folder")
    }
    run = (last?.run ?? 0) + 1
  }

  private static func isOurs(_ name: String) -> Bool {
    let suffixes = [".batches", ".partial", ".copies", ".tmp"]
    return [BackupFormat.manifest, BackupFormat.cut, BackupFormat.lock].contains(name)
      || suffixes.contains { name.hasSuffix($0) }
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes down what the backup will hold.
  package func begin(_ cut: BackupCut) throws(BackupError) {
    try Files.replace(
      file(BackupFormat.cut), with: cut.document(of: service, run: run), in: path)
  }

  /// Makes a finished backup of what was fetched. What only the one before it needed is deleted.
  package func finish(_ manifest: BackupManifest) throws(BackupError) {
    try Files.syncFolder(path)
    try Files.replace(file(BackupFormat.manifest), with: manifest.document(), in: path)
    unlink(file(BackupFormat.cut))
    if let old = last?.replicas.file?.name, old != manifest.replicas.file?.name {
      unlink(file(old))
    }
  }
}

/// Keeps other programs out of a folder for as long as it lives.
private final class FolderLock: Sendable {
  private let descriptor: Int32

  init(_ path: String, of folder: String) throws(BackupError) {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .system("cannot write \(path)") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw BackupError(.conflict, "another cs-admin makes a backup into \(folder); wait for it")
    }
  }

  deinit { close(descriptor) }
}
