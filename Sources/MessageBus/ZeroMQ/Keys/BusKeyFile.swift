import CloudstateModel
import Glibc
import ZeroMQ

extension BusKey {
  /// The largest file that is read; a key file is a few hundred bytes.
  private static let maximumBytes = 64 << 10

  /// Reads a key file, see ``BusKeyText``.
  ///
  /// - Throws: ``BusKeyError`` for a file that cannot be read, that every user of the machine can read or
  ///   change, or that is wrong.
  package static func read(_ path: String) throws(BusKeyError) -> BusKey {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw systemError("cannot read the bus key \(path)") }
    defer { close(descriptor) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else { throw systemError("cannot look at \(path)") }
    guard facts.st_mode & S_IFMT == S_IFREG else { throw BusKeyError("\(path) is no file") }
    guard !SecretFile.isOpen(mode: facts.st_mode) else {
      throw BusKeyError("\(path): \(SecretFile.remedy(path))")
    }
    var bytes = [UInt8](repeating: 0, count: maximumBytes + 1)
    var count = 0
    while count < bytes.count {
      let more = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
      }
      if more == 0 { break }
      guard more > 0 || errno == EINTR else { throw systemError("cannot read \(path)") }
      count += max(more, 0)
    }
    guard count <= maximumBytes else { throw BusKeyError("\(path) is too large for a key file") }
    return try BusKeyText.parse(String(decoding: bytes[..<count], as: UTF8.self), file: path)
  }

  /// A new key out of the system's randomness.
  ///
  /// - Parameter accepted: public keys in Z85 of others that are members, too.
  /// - Throws: ``BusKeyError`` if libzmq has no CURVE, or for a text that is no key.
  package static func make(accepting accepted: [String] = []) throws(BusKeyError) -> BusKey {
    try checkLibrary()
    var keys: [CurveKey] = []
    for text in accepted {
      guard let key = CurveKey(text: text) else { throw BusKeyError("'\(text)' is no public key") }
      keys.append(key)
    }
    do throws(ZeroMQError) {
      return BusKey(pair: try Curve.makeKeyPair(), accepted: keys)
    } catch {
      throw BusKeyError("cannot make a key: \(error)")
    }
  }

  /// Writes the key into a file that only its owner can read.
  ///
  /// - Throws: ``BusKeyError`` for a file that cannot be written, or is there unless `replacing`.
  package func write(to path: String, replacing: Bool) throws(BusKeyError) {
    // Written beside its place and moved there whole: nobody ever reads a part, or with open permissions.
    let temporary = "\(path).\(getpid()).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.systemError("cannot write \(path)") }
    defer { unlink(temporary) }
    let bytes = Array(BusKeyText.text(of: self).utf8)
    let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    let isWhole = written == bytes.count && fsync(descriptor) == 0
    let failure = isWhole ? nil : Self.systemError("cannot write \(path)")
    guard close(descriptor) == 0 else { throw Self.systemError("cannot write \(path)") }
    if let failure { throw failure }
    // A link fails where a file is, a rename replaces it.
    guard (replacing ? rename(temporary, path) : link(temporary, path)) == 0 else {
      guard errno == EEXIST else { throw Self.systemError("cannot write \(path)") }
      throw BusKeyError(
        "\(path) is there already; a cluster that uses it would lose its key. Name another file, or "
          + "replace it with --force", isInTheWay: true)
    }
  }

  /// - Throws: ``BusKeyError`` if the libzmq in use cannot encrypt.
  static func checkLibrary() throws(BusKeyError) {
    guard Curve.isAvailable else {
      throw BusKeyError(
        "this libzmq was built without CURVE and cannot encrypt the bus; install one that was built "
          + "with libsodium, such as Debian's libzmq5")
    }
  }

  private static func systemError(_ what: String) -> BusKeyError {
    BusKeyError("\(what): \(String(cString: strerror(errno)))")
  }
}
