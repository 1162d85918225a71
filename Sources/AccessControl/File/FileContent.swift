import CloudstateModel
import Glibc
import SettingsReading

/// What a file was when it was looked at: its text, or why there is none.
enum FileContent: Hashable, Sendable {
  /// - Parameter isOpen: whether a secret in it would be none, see ``SecretFile``.
  case text([UInt8], isOpen: Bool)
  case unreadable(String)

  /// Reads a file of at most ``AccessFile/maximumBytes``.
  init(of path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      self = Self.failure
      return
    }
    defer { close(descriptor) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else {
      self = Self.failure
      return
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= AccessFile.maximumBytes {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 {
        self = .text(bytes, isOpen: SecretFile.isOpen(mode: facts.st_mode))
        return
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        self = Self.failure
        return
      }
      bytes.append(contentsOf: chunk[..<count])
    }
    self = .unreadable("is larger than \(AccessFile.maximumBytes) bytes")
  }

  /// - Parameter path: for the message.
  func text(_ path: String) throws(InvalidSettings) -> String {
    switch self {
    case .text(let bytes, _): return String(decoding: bytes, as: UTF8.self)
    case .unreadable(let reason):
      throw InvalidSettings(
        file: path, problems: [SettingsProblem(reason, at: SourceLocation(line: 1, column: 1))])
    }
  }

  private static var failure: Self {
    .unreadable("cannot be read: \(String(cString: strerror(errno)))")
  }
}
