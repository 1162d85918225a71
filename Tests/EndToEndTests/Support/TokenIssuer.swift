import Crypto
import Foundation
import JWTKit

/// An identity provider: signs JSON Web Tokens with a key of its own.
struct TokenIssuer {
  static let name = "https://id.example"

  private struct Claims: JWTPayload {
    var sub = "carol"
    var iss: String
    var aud = "cart"
    var exp: Double
    var groups = ["operators"]

    func verify(using algorithm: some JWTAlgorithm) async throws {}
  }

  private let key = ES256PrivateKey()

  init() throws {}

  /// In PEM.
  var publicKey: String { key.publicKey.pemRepresentation }

  /// A token of a member of the group `operators`.
  func token(issuer: String = name, lifetime: TimeInterval = 3600) async throws -> String {
    try await JWTKeyCollection().add(ecdsa: key).sign(
      Claims(iss: issuer, exp: (Date.now.timeIntervalSince1970 + lifetime).rounded()))
  }

  /// As a token of ``token(issuer:lifetime:)`` would be without a signature.
  var unsignedToken: String {
    let exp = Int(Date.now.timeIntervalSince1970) + 3600
    let claims =
      #"{"sub":"carol","iss":"\#(Self.name)","aud":"cart","exp":\#(exp),"groups":["operators"]}"#
    return [#"{"alg":"none"}"#, claims].map { part in
      Data(part.utf8).base64EncodedString().replacingOccurrences(of: "=", with: "")
        .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
    }.joined(separator: ".") + "."
  }
}

/// In hexadecimal digits.
func sha256(_ text: String) -> String {
  SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
}
