import CommandLineKit
import Glibc

/// Keeps a data folder to one `cs-up`, and tells others which process that is.
///
/// A record lock of fcntl(2): the kernel drops it with the process, however that ends, does not hand it
/// to children, and answers the holder's id, so a file left by a dead process is never mistaken for a
/// running one. The process must not open the file a second time, since closing that would drop the
/// lock; ``holder(of:)`` is for other processes.
struct RunLock: ~Copyable {
  private let descriptor: Int32

  /// - Throws: ``ProgramError`` with status `conflict` and the holder when another process has it.
  init(_ layout: RunLayout) throws(ProgramError) {
    let descriptor = open(layout.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .system("cannot write \(layout.lock)", code: errno) }
    var request = Self.wholeFile()
    guard fcntl(descriptor, F_SETLK, &request) == 0 else {
      let code = errno
      defer { close(descriptor) }
      guard code == EAGAIN || code == EACCES else {
        throw .system("cannot lock \(layout.lock)", code: code)
      }
      var holder = Self.wholeFile()
      _ = fcntl(descriptor, F_GETLK, &holder)
      throw ProgramError(
        "a topology already runs in \(layout.data) (process \(holder.l_pid))",
        hint: "cs-up down --data \(layout.data)", status: .conflict)
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// The process that runs in a data folder, or `nil` when none does.
  static func holder(of layout: RunLayout) -> pid_t? {
    // Writing permission is what F_GETLK needs to ask about a writer's lock.
    let descriptor = open(layout.lock, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var request = wholeFile()
    guard fcntl(descriptor, F_GETLK, &request) == 0, request.l_type != Int16(F_UNLCK) else {
      return nil
    }
    return request.l_pid
  }

  private static func wholeFile() -> flock {
    var request = flock()
    request.l_type = Int16(F_WRLCK)
    request.l_whence = Int16(SEEK_SET)
    return request
  }
}
