import Glibc

/// Reads the lines that are added to a log, over its replacement by ``LogFile``.
package struct LogFollower {
  package let path: String
  private var file: OpenLog?
  private var splitter = LineSplitter()

  /// - Parameters:
  ///   - fromEnd: skip what the file holds now.
  ///   - creating: make the file if there is none, so that what is written to it can be read even when the
  ///     writer removes it again.
  package init(path: String, fromEnd: Bool = false, creating: Bool = false) {
    self.path = path
    file = OpenLog(path: path, creating: creating)
    if fromEnd { file?.skip() }
  }

  /// The complete lines added since the last call. A file that does not exist yet has none.
  package mutating func read() -> [String] {
    if file == nil { file = OpenLog(path: path) }
    var lines = file.map { splitter.append($0.readAll()[...]) } ?? []
    // The old file is complete once another one stands at its path.
    if let file, file.isReplaced(at: path) {
      lines += splitter.append(file.readAll()[...])
      self.file = OpenLog(path: path)
      lines += self.file.map { splitter.append($0.readAll()[...]) } ?? []
    }
    return lines
  }

  /// A last line without a line end.
  package mutating func finish() -> String? { splitter.finish() }
}

/// An open log file; closed with the object.
private final class OpenLog {
  private let descriptor: Int32

  init?(path: String, creating: Bool = false) {
    descriptor = open(path, O_RDONLY | O_CLOEXEC | (creating ? O_CREAT : 0), 0o644)
    if descriptor < 0 { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func skip() { lseek(descriptor, 0, SEEK_END) }

  /// From the present place to the end; logs are no larger than ``LogFile/maximumBytes``.
  func readAll() -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count <= 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
    }
  }

  func isReplaced(at path: String) -> Bool {
    var mine = stat()
    var current = stat()
    guard fstat(descriptor, &mine) == 0, stat(path, &current) == 0 else { return false }
    return mine.st_ino != current.st_ino || mine.st_dev != current.st_dev
  }
}
