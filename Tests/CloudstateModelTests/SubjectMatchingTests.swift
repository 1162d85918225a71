import CloudstateModel
import TestSupport
import Testing

/// One row of the NATS semantics.
struct MatchCase: Sendable, CustomTestStringConvertible {
  let pattern: String
  let subject: String
  let matches: Bool

  init(_ pattern: String, _ subject: String, _ matches: Bool) {
    self.pattern = pattern
    self.subject = subject
    self.matches = matches
  }

  var testDescription: String { "\(pattern) ~ \(subject)" }
}

@Suite("Patterns match as in NATS")
struct SubjectMatchingTests {
  static let rows: [MatchCase] = [
    MatchCase("foo", "foo", true),
    MatchCase("foo", "foobar", false),
    MatchCase("foo", "foo.bar", false),
    MatchCase("foo.bar", "foo", false),
    MatchCase("foo.bar", "foo.bar", true),
    MatchCase("foo.bar", "FOO.bar", false),
    MatchCase("foo.*", "foo.bar", true),
    MatchCase("foo.*", "foo", false),
    MatchCase("foo.*", "foo.bar.baz", false),
    MatchCase("*", "foo", true),
    MatchCase("*", "foo.bar", false),
    MatchCase("*.*", "foo.bar", true),
    MatchCase("*.*", "foo", false),
    MatchCase("*.bar", "foo.bar", true),
    MatchCase("*.bar", "foo.baz", false),
    MatchCase("foo.*.baz", "foo.bar.baz", true),
    MatchCase("foo.*.baz", "foo.bar.bar.baz", false),
    MatchCase("foo.>", "foo.bar", true),
    MatchCase("foo.>", "foo.bar.baz", true),
    MatchCase("foo.>", "foo", false),
    MatchCase("foo.>", "food.bar", false),
    MatchCase(">", "foo", true),
    MatchCase(">", "foo.bar.baz", true),
    MatchCase("*.>", "foo", false),
    MatchCase("*.>", "foo.bar", true),
    MatchCase("foo.*.>", "foo.bar", false),
    MatchCase("foo.*.>", "foo.bar.baz", true),
    MatchCase("fo*", "foo", false),
    MatchCase("fo*", "fo*", true),
    MatchCase("a>", "a>", true),
  ]

  @Test(arguments: rows)
  func table(row: MatchCase) throws {
    let pattern = try #require(SubjectPattern(row.pattern))
    let subject = try #require(Subject(row.subject))
    #expect(pattern.matches(subject) == row.matches)
    var tree = SubjectTree<String>()
    tree.insert("here", for: pattern)
    #expect(tree.matches(of: subject) == (row.matches ? ["here"] : []))
  }

  /// Random inserts and removes; after each, the tree agrees with asking every pattern.
  @Test func treeAgreesWithThePatterns() throws {
    var random = SeededGenerator(seed: testSeed("treeAgreesWithThePatterns"))
    let words = ["a", "b", "c", "longer-than-fifteen-bytes"]
    func subject() throws -> Subject {
      let tokens = (0..<Int.random(in: 1...4, using: &random)).map { _ in
        words[Int.random(in: 0..<words.count, using: &random)]
      }
      return try #require(Subject(tokens.joined(separator: ".")))
    }
    func pattern() throws -> SubjectPattern {
      var tokens = (0..<Int.random(in: 1...4, using: &random)).map { _ in
        (words + ["*", "*"])[Int.random(in: 0..<words.count + 2, using: &random)]
      }
      if Bool.random(using: &random) { tokens[tokens.count - 1] = ">" }
      return try #require(SubjectPattern(tokens.joined(separator: ".")))
    }
    var tree = SubjectTree<Int>()
    var model: [Int: SubjectPattern] = [:]
    for step in 0..<1500 {
      if Int.random(in: 0..<3, using: &random) > 0 || model.isEmpty {
        let new = try pattern()
        tree.insert(step, for: new)
        model[step] = new
      } else if let victim = model.keys.sorted().randomElement(using: &random) {
        let removedPattern = model.removeValue(forKey: victim)
        let old = try #require(removedPattern)
        let removed = tree.remove(for: old) { $0 == victim }
        let removedAgain = tree.remove(for: old) { $0 == victim }
        #expect((removed, removedAgain) == (1, 0))
      }
      #expect(tree.count == model.count)
      let probe = try subject()
      let expected = model.filter { $0.value.matches(probe) }.keys.sorted()
      #expect(tree.matches(of: probe).sorted() == expected)
    }
    for (id, old) in model { tree.remove(for: old) { $0 == id } }
    #expect(tree.isEmpty)
    let probe = try subject()
    #expect(tree.matches(of: probe).isEmpty)
  }

  @Test func removingOneValueKeepsItsNeighbours() throws {
    let wide = try #require(SubjectPattern("a.>"))
    let narrow = try #require(SubjectPattern("a.b"))
    var tree = SubjectTree<Int>()
    tree.insert(1, for: wide)
    tree.insert(2, for: narrow)
    tree.insert(3, for: narrow)
    let removed = tree.remove(for: wide) { $0 == 2 }
    #expect(removed == 0, "values belong to their own pattern")
    tree.remove(for: narrow) { $0 == 2 }
    let subject = try #require(Subject("a.b"))
    #expect(tree.matches(of: subject).sorted() == [1, 3])
  }
}
