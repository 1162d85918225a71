import Glibc
import NIOSSL

/// Reads certificates and keys from PEM files (RFC 7468), with errors that name the file.
enum PEMFile {
  /// No chain and no bundle of authorities is larger; a wrong path such as `/dev/zero` ends here.
  private static let maximumBytes = 4 << 20

  /// All certificates of a file, in its order.
  ///
  /// - Throws: ``TLSProblem`` when the file cannot be read or has none.
  static func certificates(_ path: String) throws(TLSProblem) -> [NIOSSLCertificate] {
    let bytes = try read(path)
    let found = try? NIOSSLCertificate.fromPEMBytes(bytes)
    guard let found, !found.isEmpty else {
      throw TLSProblem(
        "\(path) holds no certificate: it must be PEM, with -----BEGIN CERTIFICATE-----")
    }
    return found
  }

  /// The private key of a file.
  ///
  /// - Throws: ``TLSProblem`` when the file cannot be read, has no key, or one that needs a password.
  static func privateKey(_ path: String) throws(TLSProblem) -> NIOSSLPrivateKey {
    let bytes = try read(path)
    if String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED") {
      throw TLSProblem(
        "the key in \(path) is protected by a password: store it without one, readable for this "
          + "program only")
    }
    guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
      throw TLSProblem(
        "\(path) holds no private key: it must be PEM, with -----BEGIN PRIVATE KEY-----")
    }
    return key
  }

  private static func read(_ path: String) throws(TLSProblem) -> [UInt8] {
    guard let file = fopen(path, "re") else { throw unreadable(path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= maximumBytes {
      let count = fread(&chunk, 1, chunk.count, file)
      guard count > 0 else {
        guard ferror(file) == 0 else { throw unreadable(path) }
        return bytes
      }
      bytes.append(contentsOf: chunk[..<count])
    }
    throw TLSProblem("\(path) is larger than \(maximumBytes) bytes: is it the right file?")
  }

  private static func unreadable(_ path: String) -> TLSProblem {
    TLSProblem("cannot read \(path): \(String(cString: strerror(errno)))")
  }
}
