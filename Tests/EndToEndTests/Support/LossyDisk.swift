import Foundation
import TestSupport

/// A disk that loses what was not synced, for processes under test: a library that is preloaded into them
/// (`Tests/EndToEndTests/LossyDisk/lossy.c` says what survives).
final class LossyDisk {
  /// What a loss of power took.
  struct Loss: Decodable {
    /// Bytes of files that were there, and are not.
    var lostBytes: Int
    /// Names of files that are gone.
    var lostFiles: [String]
    /// Names of files that are back.
    var foundFiles: [String]
  }

  private static let sources = "\(repositoryFolder)/Tests/EndToEndTests/LossyDisk"

  private let folder: TemporaryDirectory
  private let ignoredSuffix: String?
  private var library: String { "\(folder.path)/lossy.so" }

  /// Compiles the library.
  ///
  /// - Parameter ignoringSyncsOf: files with this end of their name are never synced, however often the
  ///   process asks for it.
  init(ignoringSyncsOf suffix: String? = nil) async throws {
    folder = try TemporaryDirectory()
    ignoredSuffix = suffix
    let result = try await runProgram(
      "/usr/bin/env",
      [
        "cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library,
        "\(Self.sources)/lossy.c",
      ], within: .seconds(60))
    guard result.status == .code(0) else {
      throw ProcessEnded(text: "cc: \(result.status)\n\(result.talk)")
    }
  }

  /// The environment of a process whose files below `path` lie on this disk.
  func environment(for path: String) -> [String: String] {
    [
      "LD_PRELOAD": library, "LOSSY_DIR": path, "LOSSY_SHADOW": shadow(of: path),
      "LOSSY_IGNORE_SYNC": ignoredSuffix ?? "",
    ]
  }

  /// After the process was killed: leaves in the folder what the disk would have.
  func losePower(_ path: String) async throws -> Loss {
    let result = try await runProgram(
      "\(Self.sources)/lossy-restore", [path, shadow(of: path)], within: .seconds(60))
    guard result.status == .code(0) else {
      throw ProcessEnded(text: "lossy-restore: \(result.status)\n\(result.talk)")
    }
    return try JSONDecoder().decode(Loss.self, from: Data(result.output.utf8))
  }

  private func shadow(of path: String) -> String {
    "\(folder.path)/\(path.replacing("/", with: "%"))"
  }
}
