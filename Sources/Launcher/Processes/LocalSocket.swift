import CommandLineKit
import Glibc

/// Unix sockets under paths of any length.
///
/// A socket's path is limited to ``LaunchPlan/maximumSocketPath`` bytes. The folder is opened, and the
/// kernel is given the path by way of that descriptor (`/proc/self/fd`, proc(5)), which is short.
enum LocalSocket {
  /// Listens, non-blocking. A socket that lies there is replaced.
  ///
  /// - Throws: ``ProgramError`` with the step that failed.
  static func listen(folder: String, name: String, mode: mode_t) throws(ProgramError) -> Int32 {
    try withShortPath(folder, name) { path throws(ProgramError) in
      let descriptor = try make()
      unlink(path)
      // The node is made with the mode of the descriptor, so nobody else can come in between.
      let address = try SocketAddress(unixSocket: path)
      let isListening =
        fchmod(descriptor, mode) == 0 && address.bind(descriptor) == 0
        && Glibc.listen(descriptor, 64) == 0
      guard isListening else {
        let code = errno
        close(descriptor)
        throw .system("cannot listen on \(folder)/\(name)", code: code)
      }
      return descriptor
    }
  }

  /// Connects, non-blocking. A Unix socket connects at once or not at all.
  ///
  /// - Throws: ``ProgramError`` with status `unreachable` when nobody listens there.
  static func connect(folder: String, name: String) throws(ProgramError) -> Int32 {
    try withShortPath(folder, name) { path throws(ProgramError) in
      let descriptor = try make()
      guard try SocketAddress(unixSocket: path).connect(descriptor) == 0 else {
        let code = errno
        close(descriptor)
        throw .system("cannot connect to \(folder)/\(name)", code: code, status: .unreachable)
      }
      return descriptor
    }
  }

  /// The next connection of a listener, non-blocking; `nil` when none waits.
  static func accept(_ listener: Int32) -> Int32? {
    let descriptor = Glibc.accept(listener, nil, nil)
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return descriptor
  }

  private static func make() throws(ProgramError) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { throw .system("cannot make a socket", code: errno) }
    return descriptor
  }

  private static func withShortPath(
    _ folder: String, _ name: String, _ body: (String) throws(ProgramError) -> Int32
  ) throws(ProgramError) -> Int32 {
    let descriptor = open(folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .system("cannot open \(folder)", code: errno, status: .unreachable)
    }
    defer { close(descriptor) }
    return try body("/proc/self/fd/\(descriptor)/\(name)")
  }
}
