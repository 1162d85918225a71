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

  /// Gives the file system another size, keeping its files.
  func grow(megabytes: Int) throws {
    guard mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), "size=\(megabytes)m") == 0 else {
      throw TestSetupError(what: "remount tmpfs", code: errno)
    }
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }
}
