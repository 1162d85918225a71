import Crypto

/// The SHA-256 of a bearer token: what an access file holds, and under which verified tokens are kept.
/// Tokens themselves are kept nowhere.
package struct TokenHash: Hashable, Sendable, CustomStringConvertible {
  private let words: (UInt64, UInt64, UInt64, UInt64)

  /// Of a token as it was sent.
  package init(of token: some StringProtocol) {
    var hash = SHA256()
    hash.update(data: Array(token.utf8))
    self.init(Array(hash.finalize()))
  }

  /// Reads 64 hexadecimal digits; `nil` for every other text.
  package init?(hexadecimal text: String) {
    let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 64, digits.allSatisfy({ $0 != nil }) else { return nil }
    let values = digits.compactMap(\.self)
    self.init(stride(from: 0, to: 64, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) })
  }

  private init(_ bytes: [UInt8]) {
    func word(_ index: Int) -> UInt64 {
      bytes[index * 8..<index * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
    words = (word(0), word(1), word(2), word(3))
  }

  /// In 64 hexadecimal digits.
  package var description: String {
    [words.0, words.1, words.2, words.3].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// A part to find candidates by. Whoever learns it, by timing or otherwise, is no nearer to a token.
  var prefix: UInt64 { words.0 }

  /// Looks at all bytes in any case, so that the time tells nothing of where two differ.
  package static func == (left: Self, right: Self) -> Bool {
    (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1)
      | (left.words.2 ^ right.words.2) | (left.words.3 ^ right.words.3) == 0
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
