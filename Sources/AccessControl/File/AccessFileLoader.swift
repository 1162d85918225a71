import Glibc
import SettingsReading

/// Reads an access file and the keys it names, and notices when they change.
package struct AccessFileLoader: Sendable {
  /// Why the settings cannot be used; each line names the file.
  package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
  }

  /// What was read: the content, or why there is none.
  private enum Content: Hashable, Sendable {
    case text(String)
    case unreadable(String)
  }

  private let path: String
  private var keysPath: String?
  private var seen: [Content] = []

  package init(path: String) { self.path = path }

  /// Reads the files.
  package mutating func load() async throws(Failure) -> AccessSettings {
    let content = Self.read(path)
    seen = [content]
    let access = try Self.parse(content, path)
    guard let webTokens = access.webTokens else {
      keysPath = nil
      return AccessSettings(access, verifier: nil)
    }
    let keysPath = Self.path(webTokens.keysPath, besides: path)
    self.keysPath = keysPath
    let keysContent = Self.read(keysPath)
    seen.append(keysContent)
    let keys = try await Self.keys(keysContent, keysPath)
    return AccessSettings(access, verifier: TokenVerifier(settings: webTokens, keys: keys))
  }

  /// Reads the files again if one of them is not what it was when it was read last.
  ///
  /// - Returns: `nil` when nothing has changed since. A change that cannot be used is answered once.
  package mutating func reloadIfChanged() async -> Result<AccessSettings, Failure>? {
    let now = [path, keysPath].compactMap(\.self).map(Self.read)
    // Of an access file that was wrong the keys were not looked at, and need not be.
    guard zip(now, seen).contains(where: { $0 != $1 }) else { return nil }
    do throws(Failure) {
      return .success(try await load())
    } catch {
      return .failure(error)
    }
  }

  /// Parses an access file without its keys.
  ///
  /// - Throws: ``Failure`` that names the lines.
  package static func parse(path: String) throws(Failure) -> AccessFile {
    try parse(read(path), path)
  }

  private static func parse(_ content: Content, _ path: String) throws(Failure) -> AccessFile {
    var reader = AccessFileReader(file: path)
    do throws(InvalidSettings) {
      return try reader.read(try text(content, path))
    } catch {
      throw Failure(description: error.description)
    }
  }

  private static func keys(
    _ content: Content, _ path: String
  ) async throws(Failure) -> VerificationKeys {
    let text: String
    do throws(InvalidSettings) {
      text = try Self.text(content, path)
    } catch {
      throw Failure(description: error.description)
    }
    do throws(VerificationKeys.Invalid) {
      return try await VerificationKeys(reading: text)
    } catch {
      throw Failure(description: "\(path): \(error.message)")
    }
  }

  private static func text(
    _ content: Content, _ path: String
  ) throws(InvalidSettings) -> String {
    switch content {
    case .text(let text): return text
    case .unreadable(let reason):
      throw InvalidSettings(
        file: path, problems: [SettingsProblem(reason, at: SourceLocation(line: 1, column: 1))])
    }
  }

  /// A path that is relative to the folder of another file.
  private static func path(_ path: String, besides file: String) -> String {
    guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
    return file[...slash] + path
  }

  private static func read(_ path: String) -> Content {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      return .unreadable("cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= AccessFile.maximumBytes {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { return .text(String(decoding: bytes, as: UTF8.self)) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        return .unreadable("cannot be read: \(String(cString: strerror(errno)))")
      }
      bytes.append(contentsOf: chunk[..<count])
    }
    return .unreadable("is larger than \(AccessFile.maximumBytes) bytes")
  }
}
