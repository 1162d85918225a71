import CloudstateModel
import TestSupport
import Testing

@Suite("Escaping any text into a token")
struct SubjectTokenTests {
  @Test(arguments: [
    ("", "%"), ("plain", "plain"), ("a.b", "a%2Eb"), ("*", "%2A"), (">", "%3E"), ("%", "%25"),
    ("a b", "a%20b"), ("\n", "%0A"), ("\u{7f}", "%7F"), ("é", "é"), ("%2E", "%252E"),
  ])
  func table(text: String, token: String) {
    #expect(SubjectToken.escape(text) == token)
    #expect(SubjectToken.unescape(token) == text)
  }

  @Test(arguments: [
    "", "a.b", "a%", "a%2", "%zz", "%2e", "%41", "%%", "%25%", "*", ">", "a b", "%FF", "%C3%28",
  ])
  func notAnEscape(token: String) {
    #expect(SubjectToken.unescape(token) == nil)
  }

  @Test func escapingIsReversibleAndLegal() throws {
    var random = SeededGenerator(seed: testSeed("escapingIsReversibleAndLegal"))
    let alphabet: [Unicode.Scalar] = [
      "a", "Z", "0", ".", "*", ">", "%", " ", "\t", "\0", "\u{7f}", "é", "\u{301}", "\u{1f600}",
      "2", "E",
    ]
    var texts: [String: String] = [:]
    for _ in 0..<2000 {
      var scalars = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...8, using: &random) {
        scalars.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
      }
      let text = String(scalars)
      let token = SubjectToken.escape(text)
      let back = try #require(SubjectToken.unescape(token))
      #expect(Array(back.utf8) == Array(text.utf8))
      #expect(Subject(token)?.text == token)
      let subject = Subject(tokens: ["cs", text, "end"])
      #expect(SubjectPattern(subject).tokens.count == 3)
      if let other = texts.updateValue(text, forKey: token) {
        #expect(other == text, "two texts share the token \(token)")
      }
    }
  }
}
