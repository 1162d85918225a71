import CommandLineKit
import Glibc

/// The log of one process: appended to, and put aside when it is full.
///
/// A log that cannot be written, for example on a full disk, loses lines; it never stops a process.
struct LogFile: ~Copyable {
  /// A larger log is renamed to `PATH.1`, which replaces an older one, so that a process keeps at most
  /// twice this many bytes.
  static let maximumBytes = 16 * 1024 * 1024

  private let path: String
  private let maximumBytes: Int
  private var descriptor: Int32
  private var size: Int

  /// - Throws: ``ProgramError`` when the file cannot be opened.
  init(
    path: String, maximumBytes: Int = LogFile.maximumBytes
  ) throws(ProgramError) {
    let descriptor = Self.open(path)
    guard descriptor >= 0 else { throw .system("cannot write \(path)", code: errno) }
    self.path = path
    self.maximumBytes = maximumBytes
    self.descriptor = descriptor
    size = max(0, lseek(descriptor, 0, SEEK_END))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  mutating func append(_ line: String) {
    if size >= maximumBytes { putAside() }
    guard descriptor >= 0 else { return }
    let bytes = Array("\(line)\n".utf8)
    let count = write(descriptor, bytes, bytes.count)
    size += max(0, count)
  }

  private mutating func putAside() {
    rename(path, "\(path).1")
    if descriptor >= 0 { close(descriptor) }
    descriptor = Self.open(path)
    size = 0
  }

  private static func open(_ path: String) -> Int32 {
    Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
  }
}
