import CloudstateModel
import SettingsReading

/// Reads an access file and the keys it names, and notices when they change.
///
/// A change is taken when two looks in a row saw the same, so a file that is being written is not taken for a
/// shorter policy. To write aside and then rename is safe at any time.
package struct AccessFileLoader: Sendable {
  /// Why the settings cannot be used; each line names the file.
  package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
  }

  /// What a change has led to: one of these, or both.
  package struct Reload: Sendable {
    /// To be used from now on.
    package var settings: AccessSettings?
    /// Why what the files say cannot be used.
    package var failure: Failure?
  }

  /// What one look saw.
  private struct Look: Hashable {
    var access: FileContent
    /// The keys that the access file names, where it can be read.
    var keys: Keys?
    /// The keys of the settings in use.
    var keysInUse: Keys?
  }

  private struct Keys: Hashable {
    let path: String
    let content: FileContent
  }

  private let path: String
  /// What the settings in use came from.
  private var inUse: AccessFile?
  /// Where the access file that was seen last has its keys.
  private var named: (access: FileContent, keysPath: String?)?
  /// The last change that was taken, and one that was seen only once.
  private var known: Look?
  private var candidate: Look?

  package init(path: String) { self.path = path }

  /// Reads the files, as they are.
  package mutating func load() async throws(Failure) -> AccessSettings {
    let look = look()
    known = look
    let settings = try await settings(of: look)
    adopt(settings, look)
    return settings
  }

  /// Looks at the files, and takes what they say if that is not what it was and is what it was at the last look.
  ///
  /// When the access file cannot be used, the keys of the settings in use still count as they are: a key that
  /// is taken away is gone.
  ///
  /// - Returns: `nil` when there is nothing new. A change that cannot be used is answered once.
  package mutating func reloadIfChanged() async -> Reload? {
    let look = look()
    guard look != known else {
      candidate = nil
      return nil
    }
    guard look == candidate else {
      candidate = look
      return nil
    }
    let old = known
    known = look
    candidate = nil
    var reload = Reload()
    do throws(Failure) {
      let settings = try await settings(of: look)
      adopt(settings, look)
      reload.settings = settings
    } catch {
      if look.access != old?.access || look.keys != old?.keys { reload.failure = error }
      await reloadKeysInUse(look, old, &reload)
    }
    return reload.settings == nil && reload.failure == nil ? nil : reload
  }

  /// The settings in use with their keys as they are now, if these have changed.
  private func reloadKeysInUse(_ look: Look, _ old: Look?, _ reload: inout Reload) async {
    guard let inUse, let webTokens = inUse.webTokens, let keys = look.keysInUse,
      keys != old?.keysInUse
    else { return }
    do throws(Failure) {
      let keys = try await Self.keys(keys)
      reload.settings = AccessSettings(
        inUse, verifier: TokenVerifier(settings: webTokens, keys: keys))
    } catch {
      if reload.failure == nil { reload.failure = error }
    }
  }

  private mutating func adopt(_ settings: AccessSettings, _ look: Look) {
    inUse = settings.file
    // What the next look compares with.
    known?.keysInUse = look.keys
  }

  private mutating func look() -> Look {
    let access = FileContent(of: path)
    if access != named?.access {
      // One that is wrong names no keys.
      let file = try? Self.parse(access, path)
      named = (access, file.flatMap { keysPath(of: $0) })
    }
    var look = Look(access: access)
    look.keys = named?.keysPath.map { Keys(path: $0, content: FileContent(of: $0)) }
    if let path = inUse.flatMap({ keysPath(of: $0) }) {
      // Read once, so that the two cannot differ.
      look.keysInUse =
        look.keys?.path == path ? look.keys : Keys(path: path, content: FileContent(of: path))
    }
    return look
  }

  private func settings(of look: Look) async throws(Failure) -> AccessSettings {
    let access = try Self.parse(look.access, path)
    guard let webTokens = access.webTokens, let keys = look.keys else {
      return AccessSettings(access, verifier: nil)
    }
    return AccessSettings(
      access, verifier: TokenVerifier(settings: webTokens, keys: try await Self.keys(keys)))
  }

  // MARK: The files

  /// Parses an access file without its keys.
  ///
  /// - Throws: ``Failure`` that names the lines.
  package static func parse(path: String) throws(Failure) -> AccessFile {
    try parse(FileContent(of: path), path)
  }

  private static func parse(_ content: FileContent, _ path: String) throws(Failure) -> AccessFile {
    var reader = AccessFileReader(file: path)
    do throws(InvalidSettings) {
      return try reader.read(try content.text(path))
    } catch {
      throw Failure(description: error.description)
    }
  }

  private static func keys(_ file: Keys) async throws(Failure) -> VerificationKeys {
    let text: String
    do throws(InvalidSettings) {
      text = try file.content.text(file.path)
    } catch {
      throw Failure(description: error.description)
    }
    let keys: VerificationKeys
    do throws(VerificationKeys.Invalid) {
      keys = try await VerificationKeys(reading: text)
    } catch {
      throw Failure(description: "\(file.path): \(error.message)")
    }
    if keys.holdSecrets, case .text(_, isOpen: true) = file.content {
      throw Failure(description: "\(file.path): \(SecretFile.remedy(file.path))")
    }
    return keys
  }

  /// Where the keys are; a path that is relative begins at the folder of the access file.
  private func keysPath(of file: AccessFile) -> String? {
    guard let written = file.webTokens?.keysPath else { return nil }
    guard !written.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return written }
    return path[...slash] + written
  }
}
