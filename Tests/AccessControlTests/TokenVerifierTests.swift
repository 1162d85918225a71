import AccessControl
import JWTKit
import Testing

/// One token by ES256 that is wrong in its header or claims, and the reason in the log.
struct TokenCase: Sendable, CustomTestStringConvertible {
  var header = #""alg":"ES256""#
  var claims = Keys.claims
  var now = 1000.0
  /// `nil`: the token is right.
  let reason: String?

  var testDescription: String { reason ?? "right: \(header) \(claims) at \(now)" }

  static func claims(_ old: String, _ new: String, _ reason: String?) -> TokenCase {
    TokenCase(claims: Keys.claims.replacing(old, with: new), reason: reason)
  }
}

@Suite("JSON Web Tokens")
struct TokenVerifierTests {
  private let keys: Keys

  init() throws { keys = try Keys() }

  static let cases: [TokenCase] = [
    TokenCase(reason: nil),
    TokenCase(header: #""alg":"ES256","kid":"unheard-of","typ":"JWT""#, reason: nil),
    .claims(#"["other","cloudstate"]"#, #""cloudstate""#, nil),
    .claims(#","groups":["a","b"]"#, "", nil),
    .claims(#""exp":2000"#, #""exp":2000.5,"nbf":1030"#, nil),
    TokenCase(now: 2029.9, reason: nil),
    TokenCase(now: 2030, reason: "it has expired"),
    .claims(#""exp":2000"#, #""exp":900"#, "it has expired"),
    .claims(#""exp":2000,"#, "", "it has no exp"),
    .claims(#""exp":2000"#, #""exp":"2000""#, "its claim exp is no time"),
    .claims(#""exp":2000"#, #""exp":null"#, "its claim exp is no time"),
    .claims(#""exp":2000"#, #""exp":2000,"nbf":1031"#, "it is not valid yet"),
    .claims(#""exp":2000"#, #""exp":2000,"nbf":"0""#, "its claim nbf is no time"),
    .claims("https://id.example", "https://id.example/", "its issuer is wrong"),
    .claims(#""iss":"https://id.example","#, "", "its issuer is wrong"),
    .claims(#""cloudstate""#, #""cloud""#, "its audience is wrong"),
    .claims(#""aud":["other","cloudstate"],"#, "", "its audience is wrong"),
    .claims(#""sub":"ada","#, "", "it has no claim sub"),
    .claims(#""ada""#, #""""#, "it has no claim sub"),
    .claims(#""ada""#, "17", "it has no claim sub"),
    TokenCase(claims: #""a":}"#, reason: "its payload is no JSON object"),
    TokenCase(header: #""alg":"none""#, reason: "its alg is none"),
    TokenCase(header: #""alg":"None""#, reason: "its alg is None"),
    TokenCase(header: #""alg":"es256""#, reason: "its alg is es256"),
    TokenCase(header: #""alg":"ES512""#, reason: "its alg is ES512"),
    TokenCase(header: #""alg":"x\ny\u0007""#, reason: "its alg is xy"),
    TokenCase(header: #""alg":"RS256""#, reason: "its signature is wrong"),
    TokenCase(header: #""alg":"HS256""#, reason: "no key is for alg HS256 and its kid"),
    TokenCase(header: #""typ":"JWT""#, reason: "its header is no JSON object with an alg"),
    TokenCase(header: #""alg":"ES256","crit":["exp"]"#, reason: "it has critical extensions"),
  ]

  private func outcome(
    _ token: String, by verifier: TokenVerifier, now: Double = 1000
  ) -> Result<TokenVerifier.Verified, TokenRefusal> {
    Result { () throws(TokenRefusal) in try verifier.verify(token, now: now) }
  }

  private func reason(
    _ token: String, by verifier: TokenVerifier, now: Double = 1000
  ) -> String? {
    if case .failure(let refusal) = outcome(token, by: verifier, now: now) {
      refusal.reason
    } else {
      nil
    }
  }

  @Test("A token is right, or refused for the right reason", arguments: cases)
  func table(row: TokenCase) async throws {
    let verifier = try await keys.verifier()
    let token = try await Keys.token(row.header, row.claims, sign: keys.es256)
    #expect(reason(token, by: verifier, now: row.now) == row.reason)
  }

  @Test("A right token shows name, groups and end")
  func principal() async throws {
    let verifier = try await keys.verifier()
    let token = try await Keys.token(#""alg":"RS256""#, sign: keys.rs256)
    let verified = try outcome(token, by: verifier).get()
    #expect(verified.principal == Principal(name: "ada", groups: ["a", "b"], proof: .jwt))
    #expect(verified.expiry == 2030)
    var settings = Keys.settings
    settings.nameClaim = "iss"
    settings.groupsClaim = "sub"
    let other = TokenVerifier(settings: settings, keys: verifier.keys)
    #expect(
      try outcome(token, by: other).get().principal
        == Principal(name: "https://id.example", groups: ["ada"], proof: .jwt))
  }

  @Test("A token without a signature, or with a part changed, is refused")
  func tampered() async throws {
    let verifier = try await keys.verifier()
    let unsigned = try await Keys.token(#""alg":"none""#) { _ in [] }
    #expect(reason(unsigned, by: verifier) == "its alg is none")
    let token = try await Keys.token(#""alg":"ES256""#, sign: keys.es256)
    let parts = token.split(separator: ".").map(String.init)
    #expect(reason("\(parts[0]).\(parts[1]).", by: verifier) == "its signature is wrong")
    let other = try await Keys.token(
      #""alg":"ES256""#, Keys.claims.replacing("ada", with: "eve"), sign: keys.es256
    ).split(separator: ".").map(String.init)
    #expect(reason("\(parts[0]).\(other[1]).\(parts[2])", by: verifier) == "its signature is wrong")
    #expect(reason(token + "=", by: verifier) == "a part is not base64url")
    #expect(reason(token + ".x", by: verifier) == "it has not three parts")
    #expect(reason("a.b", by: verifier) == "it has not three parts")
    let stranger = try await Keys.token(#""alg":"ES256""#, sign: Keys().es256)
    #expect(reason(stranger, by: verifier) == "its signature is wrong")
  }

  @Test("Issuer, audience and groups are compared by their bytes")
  func bytes() async throws {
    var settings = Keys.settings
    settings.issuer = "K"
    settings.audience = "K"
    let verifier = TokenVerifier(settings: settings, keys: try await keys.verifier().keys)
    func reason(_ claims: String) async throws -> String? {
      let token = try await Keys.token(
        #""alg":"ES256""#, #""sub":"ada","exp":2000,"# + claims, sign: keys.es256)
      return self.reason(token, by: verifier)
    }
    #expect(try await reason("\"iss\":\"\u{212A}\",\"aud\":\"K\"") == "its issuer is wrong")
    #expect(try await reason("\"iss\":\"K\",\"aud\":\"\u{212A}\"") == "its audience is wrong")
    #expect(
      try await reason("\"iss\":\"K\",\"aud\":\"K\",\"groups\":[\"K\",\"\u{212A}\"]")
        == "two of its groups differ only in how Unicode spells them")
  }

  @Test("Few keys are tried for a token without a key id, and few may have none")
  func fewTries() async throws {
    func secret(_ index: Int) -> [UInt8] { Array(repeating: UInt8(index + 1), count: 32) }
    func set(_ count: Int, id: Bool) -> String {
      let list = (0..<count).map { index in
        let kid = id ? "\"kid\":\"\(index)\"," : ""
        return "{\"kty\":\"oct\",\(kid)\"k\":\"\(Base64URL.encode(secret(index)))\"}"
      }
      return "{\"keys\":[\(list.joined(separator: ","))]}"
    }
    let verifier = TokenVerifier(
      settings: Keys.settings, keys: try await VerificationKeys(reading: set(6, id: true)))
    for (index, kid, expected) in [
      (3, "", nil), (4, "", "its signature is wrong"), (4, #","kid":"4""#, nil),
      (4, #","kid":"3""#, "its signature is wrong"),
    ] {
      let token = try await Keys.token(#""alg":"HS256""# + kid) {
        try await Keys.hs256($0, secret: secret(index))
      }
      if let expected {
        #expect(reason(token, by: verifier) == expected)
      } else {
        #expect(try outcome(token, by: verifier).get().principal.name == "ada")
      }
    }
    _ = try await VerificationKeys(reading: set(4, id: false))
    let error = await #expect(throws: VerificationKeys.Invalid.self) {
      try await VerificationKeys(reading: set(5, id: false))
    }
    #expect(error?.message.hasPrefix("5 keys for HS256 have no kid; at most 4 may") == true)
  }

  @Test("A public key is never a shared secret")
  func confusion() async throws {
    let verifier = try await keys.verifier()
    let secret = Array(keys.ecdsa.publicKey.pemRepresentation.utf8)
    let token = try await Keys.token(#""alg":"HS256""#) {
      try await Keys.hs256($0, secret: secret)
    }
    #expect(reason(token, by: verifier) == "no key is for alg HS256 and its kid")
  }

  @Test("Key sets have keys of all kinds; the key id chooses")
  func keySet() async throws {
    let point = keys.ecdsa.publicKey.parameters!
    let ed = keys.eddsa.publicKey.rawRepresentation
    let text = """
      {"keys":[
        {"kty":"EC","crv":"P-256","kid":"ec","x":"\(unpadded(point.x))","y":"\(unpadded(point.y))"},
        {"kty":"OKP","crv":"Ed25519","kid":"ed","use":"sig","alg":"EdDSA","x":"\(Base64URL.encode(ed))"},
        {"kty":"oct","kid":"shared","k":"\(Base64URL.encode(Keys.secret))"},
        {"kty":"EC","crv":"P-521","kid":"other"}, {"kty":"new","kid":"other"},
        {"kty":"RSA","alg":"RSA-OAEP","use":"enc","kid":"other","n":"AQ","e":"AQAB"}]}
      """
    let verifier = TokenVerifier(
      settings: Keys.settings, keys: try await VerificationKeys(reading: text))
    for (header, sign) in [
      (#""alg":"ES256","kid":"ec""#, keys.es256), (#""alg":"ES256""#, keys.es256),
      (#""alg":"EdDSA","kid":"ed""#, keys.edDSA), (#""alg":"HS256""#, { try await Keys.hs256($0) }),
    ] as [(String, (String) async throws -> [UInt8])] {
      let token = try await Keys.token(header, sign: sign)
      #expect(reason(token, by: verifier) == nil, "\(header)")
    }
    let wrongID = try await Keys.token(#""alg":"ES256","kid":"ed""#, sign: keys.es256)
    #expect(reason(wrongID, by: verifier) == "no key is for alg ES256 and its kid")
  }

  private func unpadded(_ base64: String) -> String {
    String(base64.prefix { $0 != "=" }.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
  }

  @Test(
    "Keys files that are wrong say why",
    arguments: [
      ("", "neither a JSON Web Key Set nor public keys in PEM"),
      ("{", "not a JSON Web Key Set"), (#"{"key":[]}"#, "'keys' is missing"),
      (#"{"keys":[]}"#, "no key is for one of the algorithms RS256, ES256, EdDSA, HS256"),
      (#"{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}"#, "key 1: its secret has 5 bytes; HS256 needs 32"),
      (#"{"keys":[{"kty":"oct","k":"?"}]}"#, "key 1: its secret 'k' is not base64url"),
      (#"{"keys":[{"kid":"x"}]}"#, "'kty' is missing"),
      (#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA"}]}"#, "key 1 is no EC key"),
      (
        #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}"#, "key 1: it is a private key"
      ),
      ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", "key 1 is a private key"),
      (
        "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----",
        "key 1 is no public key of RSA"
      ),
    ])
  func wrongKeys(text: String, expected: String) async {
    let error = await #expect(throws: VerificationKeys.Invalid.self) {
      try await VerificationKeys(reading: text)
    }
    #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
  }
}
