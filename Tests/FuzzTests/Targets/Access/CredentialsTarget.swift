import FoundationEssentials

@testable import AccessControl

extension FuzzTarget {
  /// The value of an `authorization` header, and what is looked at of a token in it before its signature.
  static let credentials = FuzzTarget("credentials") { input in
    var input = input
    let value = input.text()
    guard case .token(let token) = Credentials(authorization: [value]).kind else { return }
    try demand(!token.isEmpty && token.utf8.count <= 8192, "a token of \(token.utf8.count) bytes")
    try demand(TokenHash(of: token) == TokenHash(of: token), "a hash")
    guard TokenVerifier.isWebToken(token) else { return }
    let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    try demandEqual(parts.count, 3, "the parts of a token")
    for part in parts {
      guard let bytes = Base64URL.decode(part) else { continue }
      try demand(
        Base64URL.encode(bytes).utf8.elementsEqual(part), "'\(token)' has another spelling")
      _ = try? JSONDecoder().decode(TokenVerifier.Header.self, from: Data(bytes))
      guard let claims = try? JSONDecoder().decode(TokenClaims.self, from: Data(bytes)) else {
        continue
      }
      for name in ["exp", "nbf", "iss", "aud", "sub", "groups"] {
        if let time = try? claims.time(name) { try demand(time.isFinite, "\(name) is \(time)") }
        if let text = claims.text(name) {
          try demandEqual(claims.texts(name), [text], "the texts of \(name)")
        }
      }
    }
  }
}
