import Glibc
import TestSupport

/// Names of files, for tests.
enum FileNames {
  /// The entries of a folder, sorted, without dot files.
  static func inFolder(_ path: String) throws -> [String] {
    guard let folder = opendir(path) else { throw TestSetupError(what: path, code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}
