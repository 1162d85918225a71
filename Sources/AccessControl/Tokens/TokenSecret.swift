/// A new bearer token.
package enum TokenSecret {
  /// So that people and scanners recognise one that has leaked.
  package static let prefix = "cst_"
  /// 256 bits: nobody guesses one, so its plain hash is no secret.
  private static let byteCount = 32

  /// Makes a token from a source of randomness; the system's is the one for real use.
  package static func make(using random: inout some RandomNumberGenerator) -> String {
    let bytes = (0..<byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    return prefix + Base64URL.encode(bytes)
  }
}
