import Glibc
import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL

/// Why a connection could not be made or kept, in words for people: the libraries' own descriptions name
/// their types and source lines.
package enum ConnectionFailure {
  package static func text(of error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let single = error.connectionErrors.last { return text(of: single.error) }
      return "the name \(error.host) could not be resolved"
    case let error as IOError:
      return error.errnoCode == ECONNREFUSED
        ? "nothing listens there (connection refused)" : String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout(let time):
      return "no answer within \(time.nanoseconds / 1_000_000) ms"
    case is NIOHTTP2Errors.UnableToParseFrame, is NIOHTTP2Errors.BadClientMagic:
      return "what answers there does not speak gRPC (a management port?)"
    case let error as ServerRefusal:
      return text(of: error)
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
      return text(of: ServerRefusal.wrongName)
    case NIOSSLError.handshakeFailed(let reason):
      return handshakeText("\(reason)")
    case let error as BoringSSLError:
      return handshakeText("\(error)")
    default:
      return "\(error)"
    }
  }

  private static func text(of refusal: ServerRefusal) -> String {
    switch refusal {
    case .speaksTLS: "the server speaks TLS: use https://"
    case .speaksHTTP1: "what answers there does not speak gRPC (a management port?)"
    case .wrongName:
      "the server's certificate is for another name: connect to a name that is in it"
    case .noHTTP2: "the server speaks TLS, but not HTTP/2 behind it (no h2 by ALPN)"
    }
  }

  /// Sorts failures by what the library's text says: its errors carry numbers without names.
  private static func handshakeText(_ detail: String) -> String {
    let known: [(sign: String, text: String)] = [
      (
        "CERTIFICATE_VERIFY_FAILED",
        "the server's certificate is not trusted: name the authority that signed it (--tls-ca FILE)"
      ),
      ("WRONG_VERSION_NUMBER", plainServer), ("HTTP_REQUEST", plainServer),
      ("CERTIFICATE_REQUIRED", noClientCertificate),
      ("HANDSHAKE_FAILURE", noClientCertificate),
      ("ALERT_UNKNOWN_CA", wrongClientCertificate),
      ("ALERT_BAD_CERTIFICATE", wrongClientCertificate),
      ("ALERT_CERTIFICATE_EXPIRED", "the server refuses the client's certificate: it has expired"),
      (
        "NO_APPLICATION_PROTOCOL",
        "the server speaks TLS, but not HTTP/2 behind it (no h2 by ALPN)"
      ),
      ("EOF during handshake", "the server closed the connection instead of speaking TLS"),
    ]
    return known.first { detail.contains($0.sign) }?.text ?? "the TLS handshake failed: \(detail)"
  }

  private static let plainServer = "the server speaks plain text, not TLS: use http://"
  private static let noClientCertificate =
    "the server wants a client certificate that it knows (--tls-cert FILE --tls-key FILE)"
  private static let wrongClientCertificate =
    "the server does not trust the client's certificate (--tls-cert): its authority is another"
}
