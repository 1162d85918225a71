import TestSupport
import Testing

@testable import AccessControl

@Suite("Small parts of authentication")
struct TokenToolsTests {
  @Test("Base64 for URLs: there and back, and one spelling for each")
  func base64() {
    var random = SeededGenerator(seed: testSeed("base64"))
    for length in 0..<70 {
      let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      let text = Base64URL.encode(bytes)
      #expect(Base64URL.decode(text.utf8) == bytes)
    }
    #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
    for wrong in ["A", "AA=", "A+", "A/", "AB", "-_9", "A A"] {
      #expect(Base64URL.decode(wrong.utf8) == nil, "\(wrong)")
    }
  }

  @Test("A new token is long, of its own, and recognisable")
  func secret() {
    var random = SystemRandomNumberGenerator()
    let tokens = Set((0..<50).map { _ in TokenSecret.make(using: &random) })
    #expect(tokens.count == 50)
    #expect(tokens.allSatisfy { $0.hasPrefix("cst_") && $0.count == 4 + 43 })
  }

  @Test("Verified tokens are bounded; those in use stay")
  func bounded() {
    var verified = VerifiedTokens(capacity: 8)
    let used = TokenHash(of: "used")
    verified.insert(.inside, for: used, until: 10)
    for number in 0..<100 {
      verified.insert(.inside, for: TokenHash(of: "\(number)"), until: 10)
      #expect(verified.count <= 8)
      #expect(verified.rights(used, now: 0) != nil)
    }
    #expect(verified.rights(TokenHash(of: "0"), now: 0) == nil)
    #expect(verified.rights(TokenHash(of: "99"), now: 0) != nil)
    #expect(verified.rights(used, now: 10) == nil, "expired")
    #expect(verified.rights(used, now: 0) == nil, "and gone")
  }

  @Test("So many lines a second are logged, the rest is counted")
  func logRate() {
    var rate = LogRate(linesPerSecond: 2)
    #expect([0, 0.1, 0.2, 0.9].map { rate.admit(now: $0) } == [0, 0, nil, nil])
    #expect(rate.admit(now: 1) == 2)
    #expect(rate.admit(now: 1.5) == 0)
    #expect(rate.admit(now: 1.6) == nil)
  }

  @Test("The decoy of unknown tokens is nobody's token")
  func decoy() {
    let tokens = StaticTokens([(TokenHash(of: "a"), .inside)])
    #expect(tokens.rights(TokenHash(of: "a")) != nil)
    #expect(tokens.rights(TokenHash(of: "")) == nil)
    #expect(tokens.rights(TokenHash(of: "b")) == nil)
  }
}
