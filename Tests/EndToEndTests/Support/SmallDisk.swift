import Foundation
import TestSupport

/// A small file system in memory, mounted for a test; needs the right to mount.
final class SmallDisk {
  let path: String
  private let folder: TemporaryDirectory

  init(megabytes: Int) throws {
    folder = try TemporaryDirectory()
    path = "\(folder.path)/disk"
    guard mkdir(path, 0o700) == 0 else { throw TestSetupError(what: "mkdir", code: errno) }
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
      throw TestSetupError(what: "mount tmpfs (run as root)", code: errno)
    }
  }

  /// Writes a file that takes all room that is left, and answers its path.
  func fill() throws -> String {
    let filler = "\(path)/filler"
    let descriptor = open(filler, O_WRONLY | O_CREAT, 0o600)
    guard descriptor >= 0 else { throw TestSetupError(what: "open filler", code: errno) }
    defer { close(descriptor) }
    let block = [UInt8](repeating: 0, count: 4096)
    while write(descriptor, block, block.count) > 0 {}
    guard errno == ENOSPC else { throw TestSetupError(what: "fill the disk", code: errno) }
    return filler
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }
}
