import CloudstateModel
import TestSupport
import Testing

@Suite("Patterns as sets of subjects")
struct SubjectPatternSetTests {
  private static func pattern(_ text: String) throws -> SubjectPattern {
    try #require(SubjectPattern(text))
  }

  @Test(
    "One pattern covers another",
    arguments: [
      ("a.b", "a.b", true), ("a.b", "a.c", false), ("a.*", "a.b", true), ("a.*", "a.*", true),
      ("a.b", "a.*", false), ("a.*", "a.>", false), ("a.>", "a.*", true), ("a.>", "a.*.*", true),
      ("a.>", "a.*.>", true), ("a.*.>", "a.>", false), ("a.>", "a", false), (">", "a", true),
      (">", ">", true), ("*.>", ">", false), ("*", ">", false), ("a.b", "a.b.c", false),
      ("a.b.c", "a.b", false), ("*.b", "a.*", false), ("a.fo*", "a.foo", false),
    ])
  func covering(wide: String, narrow: String, expected: Bool) throws {
    #expect(try Self.pattern(wide).covers(Self.pattern(narrow)) == expected)
  }

  @Test(
    "Two patterns have subjects in common",
    arguments: [
      ("a.b", "a.b", "a.b"), ("a.b", "a.c", nil), ("a.*", "*.b", "a.b"), ("a.>", "*.b.c", "a.b.c"),
      ("a.>", "a", nil), (">", "a.*", "a.*"), ("a.>", "*.>", "a.>"), ("a.*", "a.*.>", nil),
      ("*.b.>", "a.>", "a.b.>"), ("a.*", "a.>", "a.*"),
    ])
  func common(one: String, two: String, expected: String?) throws {
    let expected = try expected.map(Self.pattern)
    #expect(try Self.pattern(one).intersection(Self.pattern(two)) == expected)
    #expect(try Self.pattern(two).intersection(Self.pattern(one)) == expected)
  }

  /// Every subject of up to five tokens over three words; one word occurs in no pattern and stands for
  /// all the words that patterns do not name.
  private static let subjects: [String] = {
    var all: [String] = []
    var longest = [""]
    for _ in 0..<5 {
      longest = longest.flatMap { start in
        ["a", "b", "other"].map { start.isEmpty ? $0 : "\(start).\($0)" }
      }
      all += longest
    }
    return all
  }()

  /// Every pattern of up to three tokens.
  private static let patterns: [SubjectPattern] = {
    var all: [String] = []
    var starts = [""]
    for _ in 0..<3 {
      let next = starts.flatMap { start in
        ["a", "b", "*", ">"].map { start.isEmpty ? $0 : "\(start).\($0)" }
      }
      all += next
      starts = next.filter { !$0.hasSuffix(">") }
    }
    return all.compactMap(SubjectPattern.init)
  }()

  @Test("For every two short patterns, the sets say what matching says")
  func bruteForce() throws {
    let matches = Self.patterns.map { pattern in
      Set(Self.subjects.indices.filter { pattern.matches(Self.subjects[$0]) })
    }
    #expect(Self.patterns.count > 50)
    for (i, one) in Self.patterns.enumerated() {
      for (j, two) in Self.patterns.enumerated() {
        #expect(one.covers(two) == matches[i].isSuperset(of: matches[j]), "\(one) ⊇ \(two)")
        let common = matches[i].intersection(matches[j])
        #expect(one.overlaps(two) == !common.isEmpty, "\(one) ∩ \(two)")
        let pattern = one.intersection(two)
        let found = Set(
          Self.subjects.indices.filter { pattern?.matches(Self.subjects[$0]) ?? false })
        #expect(found == common, "\(one) ∩ \(two) = \(pattern?.text ?? "nothing")")
      }
    }
  }

  @Test("For random longer patterns, the sets never contradict matching")
  func random() throws {
    var random = SeededGenerator(seed: testSeed("random pattern sets"))
    let words = ["a", "b", "c", "*"]
    func pattern() throws -> SubjectPattern {
      var tokens = (0..<Int.random(in: 1...6, using: &random)).map { _ in
        words[Int.random(in: 0..<words.count, using: &random)]
      }
      if Int.random(in: 0..<3, using: &random) == 0 { tokens[tokens.count - 1] = ">" }
      return try Self.pattern(tokens.joined(separator: "."))
    }
    for _ in 0..<3000 {
      let (one, two) = (try pattern(), try pattern())
      let subject = (0..<Int.random(in: 1...7, using: &random)).map { _ in
        words[Int.random(in: 0..<3, using: &random)]
      }.joined(separator: ".")
      let (first, second) = (one.matches(subject), two.matches(subject))
      if one.covers(two), second { #expect(first, "\(one) covers \(two): \(subject)") }
      #expect((one.intersection(two)?.matches(subject) ?? false) == (first && second))
      if let common = one.intersection(two) {
        #expect(one.covers(common) && two.covers(common), "\(one) ∩ \(two) = \(common)")
      }
    }
  }
}
