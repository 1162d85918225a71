import CommandLineKit
import FoundationEssentials
import Glibc

/// Where a measurement puts its files.
struct BenchFolder {
  let path: String
  private let isTemporary: Bool

  /// - Parameter path: an existing folder on the disk to measure, or `nil` for a fresh one below the current
  ///   folder, since `/tmp` is often not on a disk.
  init(path: String?) throws {
    if let path {
      guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
        throw ProgramError.system("cannot create \(path)", code: errno)
      }
      self.path = path
      isTemporary = false
      return
    }
    var template = Array("./.cs-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw ProgramError.system("cannot create a temporary folder here", code: errno)
    }
    self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    isTemporary = true
  }

  /// Deletes a temporary folder with all in it; leaves a given one alone.
  func remove() {
    guard isTemporary else { return }
    try? FileManager.default.removeItem(atPath: path)
  }
}
