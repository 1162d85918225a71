import Glibc

/// What changes when a file is replaced or written, also through symbolic links.
struct FileStamp: Hashable, Sendable {
  private let device: UInt64
  private let inode: UInt64
  private let size: Int64
  private let seconds: [Int]
  private let nanoseconds: [Int]

  /// `nil` for a file that is not there.
  init?(_ path: String) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    device = UInt64(facts.st_dev)
    inode = UInt64(facts.st_ino)
    size = Int64(facts.st_size)
    // The second changes with permissions: a file that could not be read may become readable.
    seconds = [facts.st_mtim.tv_sec, facts.st_ctim.tv_sec]
    nanoseconds = [facts.st_mtim.tv_nsec, facts.st_ctim.tv_nsec]
  }
}

/// Decides, pure, when changed files are to be read: once for each change, and only when they have not
/// changed since the last look. Certificate and key are two files, and between the replacing of one and of the
/// other they do not fit.
struct FileWatch<Stamp: Equatable> {
  private var known: Stamp
  private var candidate: Stamp?

  /// `known` is what the files were when they were first read.
  init(known: Stamp) { self.known = known }

  /// Takes note of what the files are now. Answers whether to read them.
  mutating func saw(_ stamp: Stamp) -> Bool {
    guard stamp != known else {
      candidate = nil
      return false
    }
    guard stamp == candidate else {
      candidate = stamp
      return false
    }
    known = stamp
    candidate = nil
    return true
  }
}
