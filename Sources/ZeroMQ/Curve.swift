import CZeroMQ
import Glibc

/// CURVE, the encryption and authentication of ZMTP connections (RFC 26, CurveZMQ): a client must know the
/// server's public key beforehand, and shows the server its own.
package enum Curve {
  /// Whether the libzmq in use was built with it.
  package static var isAvailable: Bool { zmq_has("curve") == 1 }

  /// A new pair out of the system's randomness.
  ///
  /// - Throws: ENOTSUP if libzmq was built without CURVE.
  package static func makeKeyPair() throws(ZeroMQError) -> CurveKeyPair {
    // Keys of 32 bytes are 40 characters in Z85, and libzmq ends them with a zero.
    var publicText = [CChar](repeating: 0, count: CurveKey.textLength + 1)
    var secretText = publicText
    try require("zmq_curve_keypair") { zmq_curve_keypair(&publicText, &secretText) }
    guard let publicKey = CurveKey(text: Self.text(of: publicText)),
      let secretKey = CurveSecretKey(text: Self.text(of: secretText))
    else { throw ZeroMQError(code: EINVAL, operation: "zmq_curve_keypair") }
    return CurveKeyPair(publicKey: publicKey, secretKey: secretKey)
  }

  /// The public key that belongs to a secret one.
  package static func publicKey(of secretKey: CurveSecretKey) throws(ZeroMQError) -> CurveKey {
    var publicText = [CChar](repeating: 0, count: CurveKey.textLength + 1)
    try require("zmq_curve_public") { zmq_curve_public(&publicText, secretKey.text) }
    guard let key = CurveKey(text: text(of: publicText)) else {
      throw ZeroMQError(code: EINVAL, operation: "zmq_curve_public")
    }
    return key
  }

  private static func text(of characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// A public key of CURVE. It may be shown to anybody.
package struct CurveKey: Hashable, Sendable, CustomStringConvertible {
  package static let byteCount = 32
  /// Characters of a key in Z85 (RFC 32).
  package static let textLength = 40

  package let bytes: [UInt8]

  /// Reads a key as it comes in a handshake: 32 bytes.
  package init?(bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  /// Reads a key in Z85, 40 characters.
  package init?(text: String) {
    guard let bytes = Self.decoded(text) else { return nil }
    self.bytes = bytes
  }

  /// The key in Z85.
  package var description: String { Self.encoded(bytes) }

  static func decoded(_ text: String) -> [UInt8]? {
    guard text.utf8.count == textLength else { return nil }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    return zmq_z85_decode(&bytes, text) == nil ? nil : bytes
  }

  static func encoded(_ bytes: [UInt8]) -> String {
    var text = [CChar](repeating: 0, count: textLength + 1)
    guard zmq_z85_encode(&text, bytes, bytes.count) != nil else { return "" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// A secret key of CURVE. Its text goes into files that nobody else can read, and nowhere else: what is
/// printed of the value tells nothing.
package struct CurveSecretKey: Hashable, Sendable, CustomStringConvertible {
  let bytes: [UInt8]

  /// Reads a key in Z85, 40 characters.
  package init?(text: String) {
    guard let bytes = CurveKey.decoded(text) else { return nil }
    self.bytes = bytes
  }

  /// The key in Z85.
  package var text: String { CurveKey.encoded(bytes) }

  package var description: String { "(secret)" }
}

/// What one side of a CURVE connection has of its own.
package struct CurveKeyPair: Hashable, Sendable {
  package let publicKey: CurveKey
  package let secretKey: CurveSecretKey

  package init(publicKey: CurveKey, secretKey: CurveSecretKey) {
    self.publicKey = publicKey
    self.secretKey = secretKey
  }
}
