import AccessControl
import CloudstateModel
import JWTKit

/// The keys of the tests' identity provider, and tokens signed with them.
struct Keys: Sendable {
  let ecdsa = ES256PrivateKey()
  let eddsa: EdDSA.PrivateKey
  let rsa: Insecure.RSA.PrivateKey
  /// 32 bytes, which every test knows.
  static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

  init() throws {
    eddsa = try EdDSA.PrivateKey()
    rsa = try Insecure.RSA.PrivateKey(pem: rsaPEM)
  }

  /// The key for ES256 in PEM.
  var pem: String { ecdsa.publicKey.pemRepresentation }

  /// A key set of one shared secret.
  static let set =
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"shared\",\"k\":\"\(Base64URL.encode(secret))\"}]}"

  static let settings = AccessFile.WebTokens(
    keysPath: "k", issuer: "https://id.example", audience: "cloudstate", leeway: 30)

  /// What verifies tokens of this provider, by keys in PEM.
  func verifier() async throws -> TokenVerifier {
    let pem = ecdsa.publicKey.pemRepresentation + "\n" + rsa.publicKey.pemRepresentation
    return TokenVerifier(settings: Self.settings, keys: try await VerificationKeys(reading: pem))
  }

  /// The claims of a token that is right at time 1000, as JSON without braces.
  static let claims =
    #""sub":"ada","iss":"https://id.example","aud":["other","cloudstate"],"exp":2000,"groups":["a","b"]"#

  /// A token made by hand: header and claims as JSON without braces.
  static func token(
    _ header: String, _ claims: String = claims, sign: (String) async throws -> [UInt8]
  ) async throws -> String {
    let content = [header, claims].map { Base64URL.encode(Array("{\($0)}".utf8)) }
      .joined(separator: ".")
    return content + "." + Base64URL.encode(try await sign(content))
  }

  static func signature(
    _ content: String, by algorithm: any JWTAlgorithm
  ) throws -> [UInt8] { try algorithm.sign(Array(content.utf8)) }

  func es256(_ content: String) async throws -> [UInt8] {
    let keys = await JWTKeyCollection().add(ecdsa: ecdsa)
    return try Self.signature(content, by: await keys.getKey())
  }

  func edDSA(_ content: String) async throws -> [UInt8] {
    let keys = await JWTKeyCollection().add(eddsa: eddsa)
    return try Self.signature(content, by: await keys.getKey())
  }

  func rs256(_ content: String) async throws -> [UInt8] {
    let keys = await JWTKeyCollection().add(rsa: rsa, digestAlgorithm: .sha256)
    return try Self.signature(content, by: await keys.getKey())
  }

  static func hs256(_ content: String, secret: [UInt8] = secret) async throws -> [UInt8] {
    let keys = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
    return try signature(content, by: await keys.getKey())
  }
}

/// Made for these tests; signs nothing else.
private let rsaPEM = """
  -----BEGIN PRIVATE KEY-----
  MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQCnaiECqLhuPEQi
  Ytjx+5Yw99gczJTifUYyLJlrEZgNgMzYaJGq4bIMlwX019nU8650DcNtKOZYPM52
  n9Qf7Unflf1tsJGzfJFkrcWTr22Gu3Vzz018Eww1/IPN7z0HhBqVPUV285eQREH/
  OSKY5X520KAM5/MNDj1YM21x/HddQoR424LnFbMDcM3ZgTlsDF32LD1YToBpF0YD
  aTHS08EOVL1zr1Jnpm5z9jceDskCOsM8VsmagiiPIefRGkVWbbLlQA/IN83SZvhj
  KOEdYRpgHfck7xIJGFt1RhT2KkG4ybVih1cZmgf7qz/Tgfgx1vSoasupOtfMOgE5
  maOqmuiDAgMBAAECggEADJJuNy5nZzPUZAarRwS/Ix9BlewRFC8XKeZqgP1Zv03Y
  VDoKElyPi919f4UEITdJdwKfld936NFsKcFX4yvlG8q+NNIJJwLoQjjAeRY38eG6
  8L71ESe3B4jWdw0LtrhHbMSkpkmlrJpLoHhwbi3xwMdq9X0npefXWHvIMMKmThT1
  CJOdi5q9U1kq3tnd07DrsYILP5+iDxcv04YcGAvxvIAyUjqlv4SFkkBIcbGJ3FCx
  /WDpKxOPIIltk9+fgG880KhoUOLkPwXl5OSTpYW7KJt4VZBh0MkT4bl5y4pDHOnO
  YUpDDjLAzJ0QRmAybsdr9T5DpKj8PGI9hyWqzBn1wQKBgQDcuZ1ctY4Em2jbMejG
  SGcw8L6bC+xH6tBCol3vEhIQ6DaTBxDPQ/ftCl6w8HZHrmNM7Q11p296CMaPwPKi
  J23ONjeV8hRXE5FyMSJdfa0LqRcsuybQeVQb7MwXYOWrjWGWmgWbiF+IRxFLSxRk
  ZvPS8Cbt+4fs5SJCcq92tbILQQKBgQDCK3SoBAAnzwY+9k92DJbF9DLKL7qJFNpU
  JmYGEUAZkELmFAlUZNGIu409nbfySg9Cme9+IrwC6rhYBXshc3eSFjJTHuzQPpsC
  gAakY6FmbGbk/fDB4MMYWU4JE/OWtOQWMgqLZuWbl+Uz/xRaShNWvgBarbE02ehj
  fl4LrZTWwwKBgQDZs11I9mznkFzAbR54iyr0M07b38uhNzFHt5tMVBdrg41oQHzM
  4O3kZuj0PYd7tb2NPvWaiJVD2On3GUh2tMrxq7nxc72qEMvQxDNv4KfPq2wHG2Py
  FOjnTgwSNujv5ldNUgab28rVv7qH97paOMzdzS2oZgEvnuPGhBUZ0aWUwQKBgQCf
  sroZzmCKXV2Xv2IPh78iRPzZCnRzdrEzcPmMl/eOjvZW4bfir6EewpMiUGwQXRU8
  A/vUVKEqDP9ddfSVyLBZeOQfNVo01KkNX1sXLdJ7uUDPqoSwETqk9h6WnNBF7bWD
  A9lkWlcSp9Wd9Hg64p4RQ+hqrF0JSQg3fKHBHR1DnQKBgQCm21c4GmLOKbyiWqkN
  uCBAf77ufxGQxPh64zrlAcoyV8LN1poieaFAcv94gtReIYbdGi3X/hZl6D7G9LPu
  3SEuEEnclR9icZX8gMVr1fVR/QzZaPqfEt8Al9OmFQw1fmxssIw/X1Q/O74m1p6N
  aqztS5Nr8dgAleaG0kprRU+RJA==
  -----END PRIVATE KEY-----
  """
