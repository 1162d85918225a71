import CloudstateModel
import TestSupport
import Testing

@testable import MessageBus

@Suite("Subscriptions, classes and sequences")
struct SubscriptionTableTests {
  private var table = SubscriptionTable<String>()
  private let source: NodeID

  init() throws { source = try nodeID("source") }

  private mutating func add(_ id: UInt64, _ text: String, group: String? = nil) throws -> [UInt8]? {
    table.add(id, pattern: try pattern(text), queueGroup: group, handler: "\(id)")
  }

  private mutating func receive(
    _ text: String, _ sequence: UInt64, start: UInt64 = 1, from other: NodeID? = nil
  ) throws -> [String] {
    let subject = try subject(text)
    return table.receive(
      subject, in: PublicationClass(of: subject), from: other ?? source,
      number: PublicationNumber(start: start, sequence: sequence)
    ).map { "\($0.handler)#\($0.sequence)" }
  }

  @Test(arguments: [
    ("cs.evt.cart.type.id.Added", "cs.evt.cart"), ("cs.evt.cart", "cs.evt.cart"),
    ("cs.plan", "cs.plan"), ("x", "x"),
  ])
  func theClassIsTheFirstThreeTokens(text: String, expected: String) throws {
    let publicationClass = PublicationClass(of: try subject(text))
    #expect(publicationClass.subject.text == expected)
    #expect(publicationClass.topic == Array(expected.utf8) + [0])
  }

  @Test(arguments: [
    (">", ""), ("*", ""), ("*.b", ""), ("cs.>", "cs."), ("cs.*.cart", "cs."),
    ("cs.evt.*", "cs.evt."),
    ("cs.plan", "cs.plan\0"), ("cs", "cs\0"), ("cs.evt.cart", "cs.evt.cart\0"),
    ("cs.evt.cart.>", "cs.evt.cart\0"), ("cs.evt.cart.a.b.*", "cs.evt.cart\0"),
  ])
  func topicPrefixes(text: String, prefix: String) throws {
    #expect(try pattern(text).topicPrefix == Array(prefix.utf8))
  }

  /// A node hears of every class with a matching subject, and of all of a class or nothing.
  @Test func prefixesCoverWhatMatches() throws {
    var random = SeededGenerator(seed: testSeed("prefixesCoverWhatMatches"))
    let words = ["a", "b", "ab"]
    for _ in 0..<5000 {
      var tokens = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        (words + ["*"])[Int.random(in: 0..<4, using: &random)]
      }
      if Bool.random(using: &random) { tokens.append(">") }
      let pattern = try pattern(tokens.joined(separator: "."))
      let subject = try subject(
        (0..<Int.random(in: 1...5, using: &random)).map { _ in
          words[Int.random(in: 0..<3, using: &random)]
        }.joined(separator: "."))
      let publicationClass = PublicationClass(of: subject)
      if pattern.matches(subject) {
        #expect(publicationClass.topic.starts(with: pattern.topicPrefix), "\(pattern) \(subject)")
        #expect(pattern.overlaps(publicationClass), "\(pattern) \(subject)")
      }
      if pattern.overlaps(publicationClass) {
        #expect(publicationClass.topic.starts(with: pattern.topicPrefix), "\(pattern) \(subject)")
      }
    }
  }

  @Test mutating func prefixesAreCounted() throws {
    let first = try add(1, "a.b.c.d")
    #expect(first == Array("a.b.c\0".utf8))
    let second = try add(2, "a.b.c.>")
    #expect(second == nil)
    #expect(table.topicPrefixes.count == 1)
    let removed = [table.remove(1), table.remove(1), table.remove(2)]
    #expect(removed == [nil, nil, Array("a.b.c\0".utf8)])
    #expect(table.topicPrefixes.isEmpty)
  }

  @Test mutating func withoutLossThereIsNoJump() throws {
    _ = try add(1, "a.b.c.*")
    _ = try add(2, "a.>")
    let got = [
      try receive("a.b.c.x", 1), try receive("a.b.c.x.y", 2), try receive("a.b.c.z", 3),
      try receive("a.q", 1), try receive("a.b.c.z", 4),
    ]
    #expect(got == [["1#1", "2#1"], ["2#2"], ["1#2", "2#3"], ["2#4"], ["1#3", "2#5"]])
  }

  @Test mutating func aGapShowsToThoseItMayConcern() throws {
    _ = try add(1, "a.b.c.*")
    _ = try add(2, "a.b.d.*")
    _ = try add(3, ">")
    let got = [
      try receive("a.b.c.x", 1), try receive("a.b.d.x", 1), try receive("a.b.c.y", 3),
      try receive("a.b.d.y", 2),
    ]
    #expect(got == [["1#1", "3#1"], ["2#1", "3#2"], ["1#3", "3#4"], ["2#2", "3#5"]])
  }

  @Test mutating func aRestartShowsToAll() throws {
    _ = try add(1, "a.b.c.*")
    _ = try add(2, "a.b.d.*")
    let other = try nodeID("other")
    let got = [
      try receive("a.b.c.x", 1), try receive("a.b.d.x", 1), try receive("a.b.d.x", 8, from: other),
      try receive("a.b.c.x", 2, start: 2), try receive("a.b.d.x", 1, start: 2),
      try receive("a.b.d.x", 9, from: other),
    ]
    #expect(got == [["1#1"], ["2#1"], ["2#1"], ["1#3"], ["2#3"], ["2#2"]])
  }

  @Test mutating func turnsOfAQueueGroupGoRound() throws {
    _ = try add(1, "j.*", group: "g")
    _ = try add(2, "j.>", group: "g")
    _ = try add(3, "j.x", group: "other")
    _ = try add(4, "j.*")
    let got = [
      try receive("j.x", 1), try receive("j.x", 2), try receive("j.x", 3),
      try receive("j.x.y", 1),
    ]
    #expect(
      got == [["1#1", "3#1", "4#1"], ["2#1", "3#2", "4#2"], ["1#2", "3#3", "4#3"], ["2#2"]])
    _ = table.remove(1)
    let after = [try receive("j.x", 4), try receive("j.x", 5)]
    #expect(after == [["2#3", "3#4", "4#4"], ["2#4", "3#5", "4#5"]])
  }

  @Test func numberingIsPerClassAndBounded() throws {
    var numbering = PublicationNumbering(start: 100)
    let first = PublicationClass(of: try subject("a.b.c.d"))
    let second = PublicationClass(of: try subject("a.b.x"))
    let numbers = [first, first, second, first].map { numbering.next(in: $0).sequence }
    #expect(numbers == [1, 2, 1, 3])
    for index in 0..<PublicationNumbering.maximumClasses {
      _ = numbering.next(in: PublicationClass(of: try subject("x.\(index)")))
    }
    #expect(numbering.next(in: first) == PublicationNumber(start: 101, sequence: 1))
  }

  @Test func respondersAreNewestFirst() throws {
    var responders = ResponderTable<String>()
    responders.add(1, pattern: try pattern("a.>"), handler: "1")
    responders.add(2, pattern: try pattern("a.*"), handler: "2")
    let known = try subject("a.b")
    #expect(responders.handler(for: known) == "2")
    #expect(responders.handler(for: try subject("a.b.c")) == "1")
    responders.remove(2)
    responders.remove(2)
    #expect(responders.handler(for: known) == "1")
    responders.remove(1)
    #expect(responders.handler(for: known) == nil)
  }
}
