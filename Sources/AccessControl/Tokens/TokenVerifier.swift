import CloudstateModel
import FoundationEssentials
import JWTKit

/// Why a token is refused; for the node's log, never for the caller.
package struct TokenRefusal: Error, Hashable, Sendable {
  package let reason: String

  init(_ reason: String) { self.reason = reason }
}

/// Checks JSON Web Tokens (RFC 7519) against the keys and the settings of an access file. Takes some tens of
/// microseconds, so it does not run on event loops.
package struct TokenVerifier: Sendable {
  /// What a token shows.
  package struct Verified: Hashable, Sendable {
    package var principal: Principal
    /// When it is worth nothing any more, with the leeway; seconds since 1970.
    package var expiry: Double
  }

  struct Header: Decodable {
    let alg: String
    let kid: String?
    /// Extensions that must be understood (RFC 7515, 4.1.11); none is.
    let crit: [String]?
  }

  /// Groups of one token; what is more is an error of its issuer.
  private static let maximumGroups = 1024

  package let settings: AccessFile.WebTokens
  package let keys: VerificationKeys

  package init(settings: AccessFile.WebTokens, keys: VerificationKeys) {
    self.settings = settings
    self.keys = keys
  }

  /// Whether a token is one of those that this type checks: three parts between dots.
  package static func isWebToken(_ token: some StringProtocol) -> Bool {
    token.utf8.count { $0 == UInt8(ascii: ".") } == 2
  }

  /// - Parameter now: seconds since 1970.
  package func verify(_ token: String, now: Double) throws(TokenRefusal) -> Verified {
    let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw TokenRefusal("it has not three parts") }
    guard let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
      let signature = Base64URL.decode(parts[2])
    else { throw TokenRefusal("a part is not base64url") }
    try checkSignature(
      signature, of: Array(token.utf8.prefix(parts[0].count + 1 + parts[1].count)),
      header: header)
    guard let claims = try? JSONDecoder().decode(TokenClaims.self, from: Data(payload)) else {
      throw TokenRefusal("its payload is no JSON object")
    }
    return try check(claims, now: now)
  }

  private func checkSignature(
    _ signature: [UInt8], of content: [UInt8], header: [UInt8]
  ) throws(TokenRefusal) {
    guard let header = try? JSONDecoder().decode(Header.self, from: Data(header)) else {
      throw TokenRefusal("its header is no JSON object with an alg")
    }
    guard let algorithm = VerificationKeys.Algorithm(rawValue: header.alg) else {
      // What strangers send does not go into the log as it is.
      let name = header.alg.prefix(16).filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
      throw TokenRefusal("its alg is \(name)")
    }
    guard header.crit == nil else { throw TokenRefusal("it has critical extensions") }
    let candidates = keys.candidates(algorithm, id: header.kid)
    guard !candidates.isEmpty else {
      throw TokenRefusal("no key is for alg \(algorithm.rawValue) and its kid")
    }
    let isSigned = candidates.contains { key in
      (try? key.verifier.verify(signature, signs: content)) == true
    }
    guard isSigned else { throw TokenRefusal("its signature is wrong") }
  }

  private func check(_ claims: TokenClaims, now: Double) throws(TokenRefusal) -> Verified {
    guard let end = try claims.time("exp") else { throw TokenRefusal("it has no exp") }
    let expiry = end + settings.leeway
    guard now < expiry else { throw TokenRefusal("it has expired") }
    if let begin = try claims.time("nbf"), now + settings.leeway < begin {
      throw TokenRefusal("it is not valid yet")
    }
    // RFC 7519, 2 and 4.1: these are compared byte by byte, without normalisation.
    guard let issuer = claims.text("iss"), sameBytes(issuer, settings.issuer) else {
      throw TokenRefusal("its issuer is wrong")
    }
    guard claims.texts("aud").contains(where: { sameBytes($0, settings.audience) }) else {
      throw TokenRefusal("its audience is wrong")
    }
    guard let name = claims.text(settings.nameClaim), !name.isEmpty else {
      throw TokenRefusal("it has no claim \(settings.nameClaim)")
    }
    let groups = claims.texts(settings.groupsClaim)
    guard groups.count <= Self.maximumGroups else { throw TokenRefusal("it has too many groups") }
    let known = Set(groups)
    // A set keeps one of those that are canonically equivalent; a denial may be about the other.
    guard groups.allSatisfy(known.containsBytes) else {
      throw TokenRefusal("two of its groups differ only in how Unicode spells them")
    }
    return Verified(
      principal: Principal(name: name, groups: known, proof: .jwt), expiry: expiry)
  }
}
