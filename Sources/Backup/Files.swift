import Glibc

/// A file that is open for writing at its end. Closed with the value.
struct WritingFile: ~Copyable {
  let path: String
  private let descriptor: Int32
  private var pending: [UInt8] = []

  private static let bufferedBytes = 1 << 20

  /// Makes a file, or goes on behind the first `kept` bytes of one and cuts off the rest.
  init(_ path: String, keeping kept: UInt64 = 0) throws(BackupError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .system("cannot write \(path)") }
    guard ftruncate(descriptor, off_t(kept)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
      throw .system("cannot write \(path)")
    }
  }

  deinit { close(descriptor) }

  mutating func append(_ bytes: [UInt8]) throws(BackupError) {
    pending += bytes
    if pending.count >= Self.bufferedBytes { try flush() }
  }

  mutating func flush() throws(BackupError) {
    var rest = pending[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw .system("cannot write \(path)")
      }
      rest = rest.dropFirst(count)
    }
    pending.removeAll(keepingCapacity: true)
  }

  /// Writes what waits and puts it on stable storage.
  mutating func sync() throws(BackupError) {
    try flush()
    guard fsync(descriptor) == 0 else { throw .system("cannot sync \(path)") }
  }
}

/// A file that is read from its beginning. Closed with the value.
struct ReadingFile: ~Copyable {
  let path: String
  let size: UInt64
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0

  private static let bufferedBytes = 1 << 20

  init(_ path: String) throws(BackupError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { throw BackupError(.damaged, "\(path) is missing") }
      throw .system("cannot read \(path)")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system("cannot read \(path)") }
    size = UInt64(status.st_size)
  }

  deinit { close(descriptor) }

  /// The next `count` bytes; fewer at the end of the file.
  mutating func read(_ count: Int) throws(BackupError) -> [UInt8] {
    while buffer.count - start < count {
      if start > 0 {
        buffer.removeSubrange(..<start)
        start = 0
      }
      let wanted = max(Self.bufferedBytes, count - buffer.count)
      var chunk = [UInt8](repeating: 0, count: wanted)
      let got = Glibc.read(descriptor, &chunk, wanted)
      if got < 0 {
        if errno == EINTR { continue }
        throw .system("cannot read \(path)")
      }
      if got == 0 { break }
      buffer += chunk[..<got]
    }
    let end = min(buffer.count, start + count)
    defer { start = end }
    return Array(buffer[start..<end])
  }
}

enum Files {
  /// Reads a small file; `nil` if there is none.
  static func whole(_ path: String, upTo limit: Int = 256 << 20) throws(BackupError) -> [UInt8]? {
    guard access(path, F_OK) == 0 else { return nil }
    var file = try ReadingFile(path)
    guard file.size <= UInt64(limit) else {
      throw BackupError(.damaged, "\(path) is too large to be what it should be")
    }
    return try file.read(Int(file.size))
  }

  /// Replaces a file in one step, and on stable storage.
  static func replace(_ path: String, with bytes: [UInt8], in folder: String) throws(BackupError) {
    let temporary = "\(path).tmp"
    do {
      var file = try WritingFile(temporary)
      try file.append(bytes)
      try file.sync()
    }
    try rename(temporary, to: path, in: folder)
  }

  static func rename(
    _ old: String, to new: String, in folder: String
  ) throws(BackupError) {
    try rename(old, to: new)
    try syncFolder(folder)
  }

  /// Renames without syncing the folder.
  static func rename(_ old: String, to new: String) throws(BackupError) {
    guard Glibc.rename(old, new) == 0 else { throw .system("cannot rename \(old) to \(new)") }
  }

  /// Puts the names in a folder on stable storage.
  static func syncFolder(_ path: String) throws(BackupError) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("cannot open \(path)") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system("cannot sync \(path)") }
  }

  /// Makes a folder and its parents; existing ones are fine.
  static func makeFolder(_ path: String) throws(BackupError) {
    var partial = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      partial += part + "/"
      if mkdir(partial, 0o700) != 0, errno != EEXIST {
        throw .system("cannot create the folder \(partial)")
      }
    }
  }

  /// Removes a folder of files, as far as that can be done.
  static func removeFlatFolder(_ path: String) {
    for name in (try? names(in: path)) ?? [] { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// The names in a folder, sorted; `nil` if there is no such folder.
  static func names(in path: String) throws(BackupError) -> [String]? {
    guard let folder = opendir(path) else {
      if errno == ENOENT { return nil }
      throw .system("cannot read the folder \(path)")
    }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

extension BackupError {
  /// A failed system call, from `errno`.
  static func system(_ what: String) -> BackupError {
    let reason = errno
    return BackupError(.inputOutput, "\(what): \(String(cString: strerror(reason)))")
  }
}
