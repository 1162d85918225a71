import Glibc

/// An authority of a test's own, and the certificates it has signed, made by the `openssl` program.
package final class TestAuthority: Sendable {
  /// Files of one certificate.
  package struct Issued: Sendable {
    package let certificate: String
    package let key: String
    /// Hexadecimal.
    package let serial: String
    /// Keeps the files.
    fileprivate let folder: TemporaryDirectory

    /// Puts the two files in the place of others, each in one step.
    package func replace(_ other: Issued) throws {
      for (from, to) in [(key, other.key), (certificate, other.certificate)] {
        let temporary = "\(to).new"
        guard unlink(temporary) == 0 || errno == ENOENT, link(from, temporary) == 0,
          rename(temporary, to) == 0
        else { throw TestSetupError(what: "replace \(to)", code: errno) }
      }
    }
  }

  private static let openssl = "/usr/bin/openssl"

  package let folder: TemporaryDirectory
  /// The authority's own certificate.
  package var certificate: String { "\(folder.path)/authority.pem" }
  private var key: String { "\(folder.path)/authority.key" }

  package init() async throws {
    folder = try TemporaryDirectory()
    try await run(
      ["req", "-x509", "-subj", "/CN=Test Authority", "-days", "30", "-out", certificate]
        + newKey(key))
  }

  /// Signs a certificate for a new key.
  ///
  /// - Parameters:
  ///   - name: of the files; given twice, the later files replace the earlier.
  ///   - alternativeNames: as `openssl` writes them, such as `DNS:localhost,IP:127.0.0.1`.
  package func issue(
    _ name: String, commonName: String, alternativeNames: String
  ) async throws -> Issued {
    let path = "\(folder.path)/\(name)"
    try await run(
      ["req", "-subj", "/O=Tests/CN=\(commonName)", "-out", "\(path).csr"] + newKey("\(path).key"))
    try write("subjectAltName=\(alternativeNames)\n", to: "\(path).ext")
    let serial = (0..<8).map { _ in String(UInt8.random(in: 16...127), radix: 16) }.joined()
      .uppercased()
    try await run([
      "x509", "-req", "-in", "\(path).csr", "-CA", certificate, "-CAkey", key, "-set_serial",
      "0x\(serial)", "-days", "30", "-extfile", "\(path).ext", "-out", "\(path).pem",
    ])
    return Issued(certificate: "\(path).pem", key: "\(path).key", serial: serial, folder: folder)
  }

  /// For a server at `localhost` and 127.0.0.1.
  package func issueServer(_ name: String = "server") async throws -> Issued {
    try await issue(
      name, commonName: "localhost", alternativeNames: "DNS:localhost,IP:127.0.0.1")
  }

  /// Writes a key that needs a password beside an unprotected one.
  package func protect(_ issued: Issued) async throws -> String {
    let path = "\(issued.key).protected"
    try await run([
      "pkcs8", "-topk8", "-in", issued.key, "-passout", "pass:secret", "-out", path,
    ])
    return path
  }

  /// Writes a file into the authority's folder and answers its path.
  package func file(_ name: String, _ text: String) throws -> String {
    let path = "\(folder.path)/\(name)"
    try write(text, to: path)
    return path
  }

  private func newKey(_ path: String) -> [String] {
    ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path]
  }

  private func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "we") else { throw TestSetupError(what: path, code: errno) }
    defer { fclose(file) }
    guard fputs(text, file) >= 0 else { throw TestSetupError(what: path, code: errno) }
  }

  private func run(_ arguments: [String]) async throws {
    let process = try TestProcess(Self.openssl, arguments)
    let exit = try await process.waitForExit(within: .seconds(30))
    guard exit == .code(0) else {
      throw TestSetupError(what: "openssl: \(process.output(.standardError))", code: EINVAL)
    }
  }
}
