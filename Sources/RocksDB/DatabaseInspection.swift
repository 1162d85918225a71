import CRocksDB
import Glibc

// What can be said of a database's files before RocksDB is let at them. RocksDB writes the list of files (MANIFEST)
// anew whenever it opens a database, so whatever it passes over without a word is gone then, with the evidence.

/// A database's folder before it is opened.
package enum DatabaseInspection {
  /// A file of this name in a database's folder says that the folder is one of several that are of use together only,
  /// and that not all of them are known to be there.
  package static let unfinishedMark = "UNFINISHED-RESTORE"

  /// Looks at the files of the database in the folder `path`, and changes nothing.
  ///
  /// CURRENT names the MANIFEST, a file in RocksDB's log format ("RocksDB Write Ahead Log File Format") to which
  /// each change of the list of files is appended and synced. A crash can leave the last record incomplete, and
  /// that is no damage. What cannot come from a crash is refused: a list that is named nowhere although there are
  /// tables or logs; a record that is not what its checksum says; and a place without a record, such as zeros, with
  /// a whole record behind it. RocksDB itself skips zeros to the end of their block.
  ///
  /// - Returns: whether there is a database.
  /// - Throws: ``RocksDBError`` with `.corruption` for damage, `.inputOutput` for what cannot be read, `.lockHeld`
  ///   where another process is at it and what was found may not be true.
  package static func inspect(_ path: String) throws(RocksDBError) -> Bool {
    do throws(RocksDBError) {
      return try check(path)
    } catch {
      guard !isOpenElsewhere(path) else {
        throw RocksDBError(.lockHeld, "another process has \(path) open")
      }
      throw error
    }
  }

  private static func check(_ path: String) throws(RocksDBError) -> Bool {
    guard let names = try names(in: path), !names.isEmpty else { return false }
    guard !names.contains(unfinishedMark) else {
      throw RocksDBError(
        .unfinished,
        "it is a part of a restore that was interrupted; delete it and the other directories of that restore, and "
          + "restore again")
    }
    guard let current = try content(of: "\(path)/CURRENT", limit: 1 << 10) else {
      // Making a database ends with CURRENT, and nothing is written to one before.
      guard names.contains(where: isData) else { return false }
      throw RocksDBError(.corruption, "CURRENT, which names the list of files, is missing")
    }
    let name = String(decoding: current.dropLast(), as: UTF8.self)
    guard current.last == UInt8(ascii: "\n"), name.hasPrefix("MANIFEST-"),
      UInt64(name.dropFirst("MANIFEST-".count)) != nil
    else { throw RocksDBError(.corruption, "CURRENT does not name a list of files") }
    guard names.contains(name) else {
      throw RocksDBError(.corruption, "the list of files \(name), which CURRENT names, is missing")
    }
    let list = try LogFormatFile("\(path)/\(name)")
    if let damage = try list.findDamage() { throw RocksDBError(.corruption, "\(name): \(damage)") }
    return true
  }

  /// Whether there is a database in the folder, sound or not.
  package static func isDatabase(_ path: String) throws(RocksDBError) -> Bool {
    try (names(in: path) ?? []).contains {
      $0 == "CURRENT" || $0.hasPrefix("MANIFEST-") || isData($0)
    }
  }

  /// The names of the column families of a database, without a change to it.
  package static func familyNames(of path: String) throws(RocksDBError) -> [String] {
    let options = OptionsHandle()
    var count = 0
    let names = try checked { failure in
      rocksdb_list_column_families(options.raw, path, &count, &failure)
    }
    guard let names else { return [] }
    defer { rocksdb_list_column_families_destroy(names, count) }
    return (0..<count).compactMap { names[$0].map { String(cString: $0) } }
  }

  /// The names in a folder, sorted; none if there is no such folder.
  package static func fileNames(in path: String) throws(RocksDBError) -> [String] {
    try (names(in: path) ?? []).sorted()
  }

  /// Whether the database has records, in tables or in a log.
  package static func hasRecords(_ path: String) throws(RocksDBError) -> Bool {
    for name in try names(in: path) ?? [] where isData(name) {
      if name.hasSuffix(".sst") { return true }
      var status = stat()
      if stat("\(path)/\(name)", &status) == 0, status.st_size > 0 { return true }
    }
    return false
  }

  /// Whether another process has the database open. Not for a process that has it open itself: to close any descriptor
  /// of a file ends the locks that its process holds on it (POSIX, fcntl).
  package static func isOpenElsewhere(_ path: String) -> Bool {
    let descriptor = open("\(path)/LOCK", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // RocksDB holds a record lock on the whole file.
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    guard fcntl(descriptor, F_GETLK, &lock) == 0 else { return false }
    return lock.l_type != Int16(F_UNLCK)
  }

  /// Tables and logs have numbers for names.
  private static func isData(_ name: String) -> Bool {
    (name.hasSuffix(".sst") || name.hasSuffix(".log"))
      && UInt64(name.dropLast(".sst".count)) != nil
  }

  /// `nil` if there is no such folder.
  private static func names(in path: String) throws(RocksDBError) -> [String]? {
    guard let folder = opendir(path) else {
      if errno == ENOENT { return nil }
      throw failure("cannot read the folder \(path)")
    }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// The first bytes of a file; `nil` if there is no such file.
  private static func content(of path: String, limit: Int) throws(RocksDBError) -> [UInt8]? {
    guard access(path, F_OK) == 0 else { return nil }
    var reader = try BlockReader(path)
    return try reader.next(limit)
  }

  static func failure(_ what: String) -> RocksDBError {
    let reason = errno
    return RocksDBError(.inputOutput, "IO error: \(what): \(String(cString: strerror(reason)))")
  }
}

/// A file in RocksDB's log format: blocks of 32 KiB of records, none across the end of a block; a record is a masked
/// CRC-32C of its type and content, a length in two bytes, a type, and the content.
struct LogFormatFile {
  static let blockBytes = 32 << 10
  static let headerBytes = 7
  /// Whole, first, middle and last part. The types of logs that are recycled are not used for lists of files.
  private static let types: ClosedRange<UInt8> = 1...4

  private let path: String

  init(_ path: String) throws(RocksDBError) { self.path = path }

  /// What is wrong with the file, for people; `nil` for a sound one and for one that a crash can have left.
  func findDamage() throws(RocksDBError) -> String? {
    var reader = try BlockReader(path)
    var start = 0
    /// From where on there is nothing that can be read.
    var gap: Int?
    while true {
      let block = try reader.next(Self.blockBytes)
      guard !block.isEmpty else { return nil }
      var offset = 0
      if gap == nil {
        switch Self.end(of: block) {
        case .whole: offset = block.count
        case .nothing(let place):
          gap = start + place
          offset = place + 1
        case .damaged(let place): return "the record at byte \(start + place) is damaged"
        }
      }
      if let gap, let record = Self.firstRecord(in: block, from: offset) {
        return
          "there is no record at byte \(gap), and a whole one behind it at byte \(start + record)"
      }
      start += block.count
    }
  }

  private enum End {
    /// Records to the end of the block.
    case whole
    /// Nothing at this place, or the beginning of a record.
    case nothing(Int)
    case damaged(Int)
  }

  private static func end(of block: [UInt8]) -> End {
    var offset = 0
    while block.count - offset >= headerBytes {
      let length = length(in: block, at: offset)
      if block[offset + 6] == 0, length == 0 { return .nothing(offset) }
      guard offset + headerBytes + length <= block.count else {
        return block.count == blockBytes ? .damaged(offset) : .nothing(offset)
      }
      guard isWhole(block, at: offset, length) else { return .damaged(offset) }
      offset += headerBytes + length
    }
    // Too little room for a header is left empty.
    return offset == block.count || block.count == blockBytes ? .whole : .nothing(offset)
  }

  /// Where the first whole record at or behind a place begins, whether or not one would be read there.
  private static func firstRecord(in block: [UInt8], from start: Int) -> Int? {
    guard block.count >= headerBytes, start <= block.count - headerBytes else { return nil }
    return (start...(block.count - headerBytes)).first { offset in
      let length = length(in: block, at: offset)
      return length > 0 && offset + headerBytes + length <= block.count
        && isWhole(block, at: offset, length)
    }
  }

  private static func length(in block: [UInt8], at offset: Int) -> Int {
    Int(block[offset + 4]) | Int(block[offset + 5]) << 8
  }

  private static func isWhole(_ block: [UInt8], at offset: Int, _ length: Int) -> Bool {
    guard types.contains(block[offset + 6]) else { return false }
    let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(block[offset + $1]) << (8 * UInt32($1)) }
    var checksum = CRC32C()
    checksum.update(block.span.extracting((offset + 6)..<(offset + headerBytes + length)))
    let value = checksum.value
    // Masked, so that the checksum of content with checksums in it is sound (util/crc32c.h).
    return stored == (value >> 15 | value << 17) &+ 0xa282_ead8
  }
}

/// Reads a file from its beginning. Closed with the value.
private struct BlockReader: ~Copyable {
  private let path: String
  private let descriptor: Int32

  init(_ path: String) throws(RocksDBError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DatabaseInspection.failure("cannot read \(path)") }
  }

  deinit { close(descriptor) }

  /// The next `count` bytes; fewer at the end of the file.
  mutating func next(_ count: Int) throws(RocksDBError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        read(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled)
      }
      if got < 0 {
        if errno == EINTR { continue }
        throw DatabaseInspection.failure("cannot read \(path)")
      }
      if got == 0 { break }
      filled += got
    }
    return Array(bytes[..<filled])
  }
}
