import Glibc
import Logging
import NIOSSL
import TestSupport
import Testing

@testable import GRPCTransport

/// Certificates and keys from files, without sockets.
@Suite struct TLSFilesTests {
  @Test("Files that cannot be used are named, with what is wrong and what to do")
  func wrongFiles() async throws {
    let authority = try await TestAuthority()
    let server = try await authority.issueServer()
    let other = try await authority.issueServer("other")
    let junk = try authority.file("junk.pem", "nothing\n")
    func problem(_ change: (inout GRPCServerTLS) -> Void) -> String? {
      var settings = GRPCServerTLS(certificateFile: server.certificate, keyFile: server.key)
      change(&settings)
      do {
        _ = try ServerCertificates(settings, logger: quietLogger)
        return nil
      } catch {
        return error.description
      }
    }
    #expect(problem { _ in } == nil)
    #expect(
      problem { $0.certificateFile = "/nowhere.pem" }
        == "cannot read /nowhere.pem: No such file or directory")
    #expect(
      problem { $0.certificateFile = junk }?.hasPrefix("\(junk) holds no certificate") == true)
    #expect(problem { $0.keyFile = junk }?.hasPrefix("\(junk) holds no private key") == true)
    #expect(
      problem { $0.keyFile = other.key }
        == "the key in \(other.key) does not belong to the certificate in \(server.certificate)")
    let protected = try await authority.protect(server)
    #expect(problem { $0.keyFile = protected }?.contains("protected by a password") == true)
    #expect(problem { $0.certificateFile = "/dev/zero" }?.contains("is it the right file?") == true)
    #expect(
      problem {
        $0.clientAuthentication = .require
        $0.clientAuthorityFile = junk
      }?.contains("\(junk) holds no certificate") == true)
    #expect(problem { $0.clientAuthentication = .request }?.contains("no client CA") == true)
  }

  @Test("The names in a certificate, and what is said about its validity")
  func facts() async throws {
    let authority = try await TestAuthority()
    let issued = try await authority.issue(
      "ada", commonName: "Ada",
      alternativeNames: "DNS:ada.example,URI:spiffe://x/ada,email:ada@example.com,IP:127.0.0.1")
    let certificate = try PEMFile.certificates(issued.certificate)[0]
    #expect(
      PeerCertificate(certificate)
        == PeerCertificate(
          commonName: "Ada", alternativeNames: ["ada.example", "spiffe://x/ada", "ada@example.com"])
    )
    let facts = CertificateFacts(certificate)
    #expect(facts.text.hasPrefix("Ada, serial \(issued.serial), valid until 2"))
    let now = Int(time(nil))
    let day = 24 * 3600
    #expect(facts.warning(now: now) == nil)
    #expect(facts.warning(now: now + 25 * day)?.contains("replace the file soon") == true)
    #expect(facts.warning(now: now + 31 * day)?.hasPrefix("expired on") == true)
    #expect(facts.warning(now: now - 2 * day)?.hasPrefix("is not valid before") == true)
  }

  @Test("Names of servers are compared without regard to capitals, and by the first label")
  func names() {
    for (pattern, host, isSame) in [
      ("a.example", "A.Example", true), ("a.example", "a.example.", true),
      ("*.example", "a.example", true), ("*.example", "a.b.example", false),
      ("*.example", ".example", false), ("*.example", "example", false),
      ("a.example", "b.example", false), ("a*.example", "ab.example", false),
    ] {
      #expect(ServerCheck.matches(pattern, host) == isSame, "\(pattern) \(host)")
    }
  }

  @Test("A change is read once, and not before the files have come to rest")
  func watch() {
    var watch = FileWatch(known: 1)
    let reads = [1, 2, 3, 3, 3, 3, 4, 3, 5, 5].map { watch.saw($0) }
    #expect(reads == [false, false, false, true, false, false, false, false, false, true])
  }

  @Test("Changed files are used, broken ones are reported once and the old ones stay")
  func reload() async throws {
    let authority = try await TestAuthority()
    let server = try await authority.issueServer()
    let log = LogRecorder(from: .trace)
    let certificates = try ServerCertificates(
      GRPCServerTLS(certificateFile: server.certificate, keyFile: server.key), logger: log.logger)
    let first = ObjectIdentifier(certificates.context)
    certificates.look()
    #expect(ObjectIdentifier(certificates.context) == first)
    let next = try await authority.issueServer("next")
    try next.replace(server)
    certificates.look()
    #expect(ObjectIdentifier(certificates.context) == first)
    certificates.look()
    let second = ObjectIdentifier(certificates.context)
    #expect(second != first)
    #expect(log.all.last?.contains(next.serial) == true)
    unlink(server.key)
    for _ in 0..<4 { certificates.look() }
    #expect(ObjectIdentifier(certificates.context) == second)
    #expect(log.all.filter { $0.hasPrefix("error: ") }.count == 1)
    #expect(log.all.last?.contains("cannot read \(server.key)") == true)
  }
}
