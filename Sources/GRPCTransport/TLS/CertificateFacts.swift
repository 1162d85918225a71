import Glibc
import NIOSSL

/// What logs tell of a certificate.
struct CertificateFacts {
  /// Before its end so long, a certificate is worth a warning.
  private static let warningTime = 7 * 24 * 3600

  let name: String
  /// Hexadecimal, as `openssl x509 -serial` prints it.
  let serial: String
  private let notBefore: Int
  private let notAfter: Int

  init(_ certificate: NIOSSLCertificate) {
    let names = PeerCertificate(certificate)
    name = names.commonName ?? names.alternativeNames.first ?? "without a name"
    serial = certificate.serialNumber.map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return byte < 16 ? "0" + digits : digits
    }.joined()
    notBefore = Int(certificate.notValidBefore)
    notAfter = Int(certificate.notValidAfter)
  }

  var text: String { "\(name), serial \(serial), valid until \(Self.day(notAfter))" }

  /// What clients will not like about the validity, if anything.
  ///
  /// - Parameter now: seconds since 1970.
  func warning(now: Int) -> String? {
    if now > notAfter { return "expired on \(Self.day(notAfter)); clients refuse it" }
    if now < notBefore {
      return "is not valid before \(Self.day(notBefore)); clients refuse it until then"
    }
    return notAfter - now < Self.warningTime
      ? "expires on \(Self.day(notAfter)); replace the file soon" : nil
  }

  private static func day(_ time: Int) -> String {
    var seconds = time_t(time)
    var fields = tm()
    gmtime_r(&seconds, &fields)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(fields.tm_year + 1900)-\(two(fields.tm_mon + 1))-\(two(fields.tm_mday))"
  }
}

extension PeerCertificate {
  /// The names in a certificate.
  init(_ certificate: NIOSSLCertificate) {
    // Where there are several, the last one is the most specific.
    let commonName = certificate.subjectName.last { $0.type == .commonName }?.value
    var names: [String] = []
    for name in certificate._subjectAlternativeNames() {
      switch name.nameType {
      case .dnsName, .uri, .email: names.append(String(decoding: name.contents, as: UTF8.self))
      default: break
      }
    }
    self.init(commonName: commonName, alternativeNames: names)
  }
}
