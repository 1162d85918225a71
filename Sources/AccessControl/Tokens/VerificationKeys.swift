import FoundationEssentials
import JWTKit

/// The public keys of those who sign tokens.
package struct VerificationKeys: Sendable {
  /// The signatures that are checked (RFC 7518, 3.1, and RFC 8037). A key is for one of them, so that no
  /// token can choose another: a public key is never taken for a shared secret.
  enum Algorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case es256 = "ES256"
    case edDSA = "EdDSA"
    case hs256 = "HS256"
  }

  struct Key: Sendable {
    /// `nil` for a key that is for tokens of any key id.
    let id: String?
    let algorithm: Algorithm
    let verifier: any JWTAlgorithm
  }

  /// Why a keys file cannot be used, for people.
  package struct Invalid: Error, Hashable, Sendable {
    package let message: String
  }

  /// More would make tokens with unknown keys expensive.
  static let maximumCount = 64
  /// Keys that are tried for a token without a key id, and keys without one for an algorithm: each try takes
  /// time, whoever sent the token.
  static let maximumTries = 4

  let keys: [Key]

  /// Reads a key set (JSON, RFC 7517) or public keys in PEM.
  package init(reading text: String) async throws(Invalid) {
    let first = text.first { !$0.isWhitespace }
    keys = first == "{" ? try await Self.keySet(text) : try await Self.pem(text)
    guard !keys.isEmpty else {
      throw Invalid(
        message: "no key is for one of the algorithms "
          + Algorithm.allCases.map(\.rawValue).joined(separator: ", "))
    }
    guard keys.count <= Self.maximumCount else {
      throw Invalid(message: "there are \(keys.count) keys; at most \(Self.maximumCount) are used")
    }
    for algorithm in Algorithm.allCases {
      let count = keys.count { $0.algorithm == algorithm && $0.id == nil }
      guard count <= Self.maximumTries else {
        throw Invalid(
          message:
            "\(count) keys for \(algorithm.rawValue) have no kid; at most \(Self.maximumTries) may. "
            + "Write a JSON Web Key Set with a kid in each key")
      }
    }
  }

  /// Whether a reader of the file could sign tokens.
  var holdSecrets: Bool { keys.contains { $0.algorithm == .hs256 } }

  /// The keys that may have signed a token with this header: those with its key id and those without one, or
  /// the first ones for a token without.
  func candidates(_ algorithm: Algorithm, id: String?) -> [Key] {
    let fitting = keys.lazy.filter { key in
      key.algorithm == algorithm && (id == nil || key.id == nil || key.id == id)
    }
    return id == nil ? Array(fitting.prefix(Self.maximumTries)) : Array(fitting)
  }

  // MARK: Key sets

  private static func keySet(_ text: String) async throws(Invalid) -> [Key] {
    let set: KeySet
    do {
      set = try JSONDecoder().decode(KeySet.self, from: Data(text.utf8))
    } catch {
      throw Invalid(message: "not a JSON Web Key Set (RFC 7517): \(Self.words(error))")
    }
    var keys: [Key] = []
    for (index, entry) in set.keys.enumerated() {
      do {
        if let key = try await entry.key() { keys.append(key) }
      } catch let invalid as Invalid {
        throw Invalid(message: "key \(index + 1): \(invalid.message)")
      } catch {
        throw Invalid(message: "key \(index + 1) is no \(entry.type) key: \(Self.words(error))")
      }
    }
    return keys
  }

  // MARK: PEM

  private static func pem(_ text: String) async throws(Invalid) -> [Key] {
    let begin = "-----BEGIN "
    guard text.contains(begin) else {
      throw Invalid(message: "neither a JSON Web Key Set nor public keys in PEM")
    }
    var keys: [Key] = []
    for (index, part) in text.split(separator: begin).dropFirst(text.hasPrefix(begin) ? 0 : 1)
      .enumerated()
    {
      guard !part.prefix(while: { $0 != "-" }).contains("PRIVATE") else {
        throw Invalid(message: "key \(index + 1) is a private key; a node needs the public one")
      }
      keys.append(try await pemKey(begin + part, number: index + 1))
    }
    return keys
  }

  private static func pemKey(_ pem: String, number: Int) async throws(Invalid) -> Key {
    let collection = JWTKeyCollection()
    do {
      if let key = try? Insecure.RSA.PublicKey(pem: pem) {
        await collection.add(rsa: key, digestAlgorithm: .sha256)
        return Key(id: nil, algorithm: .rs256, verifier: try await collection.getKey())
      }
      if let key = try? ES256PublicKey(pem: pem) {
        await collection.add(ecdsa: key)
        return Key(id: nil, algorithm: .es256, verifier: try await collection.getKey())
      }
      if let key = try? EdDSA.PublicKey(pem: pem) {
        await collection.add(eddsa: key)
        return Key(id: nil, algorithm: .edDSA, verifier: try await collection.getKey())
      }
    } catch {
      throw Invalid(message: "key \(number): \(error)")
    }
    throw Invalid(
      message: "key \(number) is no public key of RSA (2048 bits or more), P-256 or Ed25519")
  }

  private static func words(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case DecodingError.dataCorrupted(let context), DecodingError.typeMismatch(_, let context),
      DecodingError.valueNotFound(_, let context):
      context.debugDescription
    default: "\(error)"
    }
  }
}

/// A key set as it stands in its file.
private struct KeySet: Decodable {
  let keys: [Entry]

  struct Entry: Decodable {
    private enum CodingKeys: String, CodingKey {
      case type = "kty"
      case algorithm = "alg"
      case id = "kid"
      case use, k, d
      case curve = "crv"
    }

    /// `kty`.
    let type: String
    private let algorithm: String?
    private let id: String?
    private let use: String?
    private let curve: String?
    private let isPrivate: Bool
    /// Of `oct` keys, which the library does not read.
    private let secret: String?
    private let asymmetric: Result<JWK, any Error>

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: CodingKeys.self)
      type = try fields.decode(String.self, forKey: .type)
      algorithm = try fields.decodeIfPresent(String.self, forKey: .algorithm)
      id = try fields.decodeIfPresent(String.self, forKey: .id)
      use = try fields.decodeIfPresent(String.self, forKey: .use)
      curve = try fields.decodeIfPresent(String.self, forKey: .curve)
      secret = try fields.decodeIfPresent(String.self, forKey: .k)
      isPrivate = fields.contains(.d)
      asymmetric = Result { try JWK(from: decoder) }
    }

    /// The key, or `nil` for one that is for something else: a set may hold keys of all kinds
    /// (RFC 7517, 5).
    func key() async throws -> VerificationKeys.Key? {
      guard use ?? "sig" == "sig", let kind = kind else { return nil }
      let collection = JWTKeyCollection()
      if kind == .hs256 {
        guard let secret = secret.flatMap({ Base64URL.decode($0.utf8) }) else {
          throw VerificationKeys.Invalid(message: "its secret 'k' is not base64url without padding")
        }
        // RFC 7518, 3.2: as long as the hash, at least.
        guard secret.count >= 32 else {
          throw VerificationKeys.Invalid(
            message: "its secret has \(secret.count) bytes; HS256 needs 32 or more")
        }
        await collection.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        return .init(id: id, algorithm: kind, verifier: try await collection.getKey())
      }
      guard !isPrivate else {
        throw VerificationKeys.Invalid(message: "it is a private key; a node needs the public one")
      }
      var key = try asymmetric.get()
      key.algorithm = JWK.Algorithm(rawValue: kind.rawValue)
      key.keyIdentifier = JWKIdentifier(string: id ?? "only")
      try await collection.add(jwk: key)
      return .init(
        id: id, algorithm: kind, verifier: try await collection.getKey(alg: kind.rawValue))
    }

    private var kind: VerificationKeys.Algorithm? {
      let natural: VerificationKeys.Algorithm? =
        switch (type, curve) {
        case ("RSA", _): .rs256
        case ("EC", "P-256"): .es256
        case ("OKP", "Ed25519"): .edDSA
        case ("oct", _): .hs256
        default: nil
        }
      return algorithm == nil || algorithm == natural?.rawValue ? natural : nil
    }
  }
}
