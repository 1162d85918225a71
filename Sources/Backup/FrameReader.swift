import Crypto

/// Reads the frames of a file of a backup, one after the other.
struct FrameReader: ~Copyable {
  private var file: ReadingFile
  private var hash = SHA256()
  /// Where the last whole frame ended.
  private(set) var offset: UInt64

  /// - Parameter header: the file's first line.
  /// - Throws: ``BackupError`` with `.damaged` for another one.
  init(_ path: String, header: [UInt8]) throws(BackupError) {
    var file = try ReadingFile(path)
    let found = try file.read(header.count)
    guard found == header else {
      throw BackupError(
        .damaged,
        "\(path) does not begin with '\(String(decoding: header.dropLast(), as: UTF8.self))'")
    }
    self.file = file
    offset = UInt64(header.count)
    hash.update(data: found)
  }

  var size: UInt64 { file.size }

  /// The SHA-256 of what was read.
  var digest: String { Array(hash.finalize()).hexadecimal }

  /// The next frame's content; `nil` at the end.
  ///
  /// - Throws: ``BackupError`` with `.damaged` if the file ends within a frame.
  mutating func next() throws(BackupError) -> [UInt8]? {
    let header = try file.read(4)
    if header.isEmpty { return nil }
    guard header.count == 4 else { throw cutShort }
    let length = header.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= file.size - min(file.size, offset + 4) else { throw cutShort }
    let content = try file.read(Int(length))
    guard content.count == Int(length) else { throw cutShort }
    hash.update(data: header)
    hash.update(data: content)
    offset += 4 + length
    return content
  }

  private var cutShort: BackupError {
    BackupError(.damaged, "\(file.path) ends within the frame at byte \(offset)")
  }

  /// A frame's bytes.
  static func frame(_ content: [UInt8]) -> [UInt8] {
    let length = UInt32(truncatingIfNeeded: content.count)
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } + content
  }
}
