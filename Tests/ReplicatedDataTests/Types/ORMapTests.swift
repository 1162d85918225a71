import ReplicatedData
import TestSupport
import Testing

@Suite("Maps")
struct ORMapTests {
  private func add(_ key: String, _ delta: FunctionDelta) -> FunctionDelta {
    .ormap(MapDelta(added: [nested(key, delta)]))
  }
  private func update(_ key: String, _ delta: FunctionDelta) -> FunctionDelta {
    .ormap(MapDelta(updated: [nested(key, delta)]))
  }
  private func remove(_ key: String) -> FunctionDelta {
    .ormap(MapDelta(removed: [element(key)]))
  }
  private func entry(_ copy: Copy, _ key: String) -> FunctionValue? {
    guard case .ormap(let entries) = copy.plain() else { return nil }
    return entries[element(key)]
  }

  /// More additions than shares are kept apart: deltas then hold shares that have grown.
  @Test("deltas of many additions to a counter can be stored, sent and merged in any order")
  func grownShares() throws {
    var random = ChangeSource(seed: testSeed("many additions to a counter in a map"))
    for _ in 0..<100 {
      var copies = try copies(.ormap, 3)
      var deltas = [try copies[0].apply(add("k", .gcounter(increment: 1)))]
      for _ in 0..<30 {
        deltas.append(try copies[0].apply(update("k", .gcounter(increment: 1))))
      }
      let lost = random.below(10)
      for delta in deltas.shuffled(using: &random.generator).dropFirst(lost) {
        copies[1].value.merge(try ReplicatedValue(decoding: delta.encoded()))
        let stored = try ReplicatedValue(decoding: copies[1].value.encoded())
        #expect(stored == copies[1].value)
      }
      // Deltas that were merged with each other, as several changes in one message are.
      var all = deltas[0]
      for delta in deltas.dropFirst() { all.merge(delta) }
      copies[2].value.merge(try ReplicatedValue(decoding: all.encoded()))
      #expect(copies[2].value == copies[0].value)
      copies[1].merge(copies[0])
      #expect(copies[1].value == copies[0].value)
      #expect(entry(copies[1], "k") == .gcounter(31))
    }
  }

  /// What was there before the removal, the change made elsewhere meanwhile, and what is left: that change.
  @Test(
    "a change wins over a removal that does not know of it, and brings nothing else back",
    arguments: [
      (
        FunctionDelta.gcounter(increment: 5), FunctionDelta.gcounter(increment: 1),
        FunctionValue.gcounter(1)
      ),
      (.pncounter(change: 5), .pncounter(change: -2), .pncounter(-2)),
      (.gset(added: [element("x")]), .gset(added: [element("y")]), .gset(elements("y"))),
      (
        .orset(SetDelta(added: [element("x")])), .orset(SetDelta(added: [element("y")])),
        .orset(elements("y"))
      ),
      (
        .orset(SetDelta(added: [element("x")])), .orset(SetDelta(removed: [element("x")])),
        .orset([])
      ),
      (
        .lwwregister(RegisterDelta(value: element("x"))),
        .lwwregister(RegisterDelta(value: element("y"))), .lwwregister(element("y"))
      ),
      (.flag(false), .flag(true), .flag(true)),
      (
        .ormap(MapDelta(added: [nested("x", .flag(true))])),
        .ormap(MapDelta(added: [nested("y", .flag(true))])),
        .ormap([element("y"): .flag(true)])
      ),
      (
        .vote(VoteTally(selfVote: false)), .vote(VoteTally(selfVote: true)),
        .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 1))
      ),
    ])
  func updateWins(
    _ before: FunctionDelta, _ change: FunctionDelta, _ after: FunctionValue
  ) throws {
    var copies = try copies(.ormap, 2)
    try copies[1].apply(add("k", before))
    exchange(&copies)
    try copies[0].apply(remove("k"))
    try copies[1].apply(update("k", change))
    exchange(&copies)
    #expect(copies[0].value == copies[1].value)
    #expect(entry(copies[1], "k") == after)
    try copies[0].apply(remove("k"))
    exchange(&copies)
    #expect(copies.allSatisfy { entry($0, "k") == nil }, "a removal that knows of it removes it")
  }

  @Test("a key that is added again starts empty, whatever stale copies say")
  func addedAgain() throws {
    var copies = try copies(.ormap, 3)
    try copies[0].apply(add("k", .gset(added: [element("old")])))
    exchange(&copies)
    try copies[0].apply(remove("k"))
    try copies[0].apply(add("k", .gset(added: [element("new")])))
    #expect(entry(copies[0], "k") == .gset(elements("new")))
    copies[0].merge(copies[1])
    #expect(entry(copies[0], "k") == .gset(elements("new")))
    copies[1].merge(copies[0])
    #expect(entry(copies[1], "k") == .gset(elements("new")))
  }

  @Test("a key that is removed stays removed, whatever stale copies say")
  func removed() throws {
    var copies = try copies(.ormap, 2)
    try copies[0].apply(add("k", .gset(added: [element("old")])))
    exchange(&copies)
    try copies[0].apply(.ormap(MapDelta(cleared: true)))
    exchange(&copies)
    #expect(copies.allSatisfy { $0.plain() == .ormap([:]) })
  }

  @Test("a key stays when the element that kept it is removed from its value")
  func presence() throws {
    var copies = try copies(.ormap, 2)
    try copies[0].apply(add("k", .orset(SetDelta())))
    exchange(&copies)
    try copies[0].apply(remove("k"))
    try copies[1].apply(update("k", .orset(SetDelta(added: [element("x")]))))
    exchange(&copies)
    try copies[0].apply(update("k", .orset(SetDelta(removed: [element("x")]))))
    exchange(&copies)
    #expect(copies.allSatisfy { entry($0, "k") == .orset([]) })
  }

  @Test("values added under one key merge, and of two types the lower one shows on all replicas")
  func concurrentAdditions() throws {
    var copies = try copies(.ormap, 3)
    try copies[0].apply(add("k", .gset(added: [element("x")])))
    try copies[1].apply(add("k", .gset(added: [element("y")])))
    try copies[2].apply(add("k", .flag(true)))
    exchange(&copies)
    #expect(copies.allSatisfy { entry($0, "k") == .gset(elements("x", "y")) })
    try copies[0].apply(update("k", .gset(added: [element("z")])))
    #expect(entry(copies[0], "k") == .gset(elements("x", "y", "z")), "what shows can be changed")
    exchange(&copies)
    try copies[1].apply(remove("k"))
    exchange(&copies)
    #expect(copies.allSatisfy { entry($0, "k") == nil }, "the hidden value is removed too")
  }

  @Test("an update of an entry that is gone, or of another type, is skipped")
  func skipped() throws {
    var copy = try copies(.ormap, 1)[0]
    try copy.apply(add("k", .gcounter(increment: 1)))
    let before = copy.value
    let missing = try copy.apply(update("other", .gcounter(increment: 1)))
    let wrong = try copy.apply(update("k", .flag(true)))
    #expect(missing.hasNoChanges && wrong.hasNoChanges)
    #expect(copy.value == before)
  }

  @Test("what a function adds replaces what it has been told of and joins what it has not")
  func seen() throws {
    var copies = try copies(.ormap, 2)
    try copies[0].apply(add("k", .gset(added: [element("old")])))
    let seen = copies[0].value.context
    copies[1].merge(copies[0])
    try copies[1].apply(update("k", .gset(added: [element("meanwhile")])))
    copies[0].merge(copies[1])
    try copies[0].apply(add("k", .gset(added: [element("new")])), seen: seen)
    #expect(entry(copies[0], "k") == .gset(elements("meanwhile", "new")))
  }

  /// The bound of `CounterShares.maximumNestedShares`, seen from both sides.
  @Test(
    "a removal that misses fewer than eight additions takes away exactly the others",
    arguments: [(1, 1), (7, 7), (8, 108)])
  func missedAdditions(_ missed: Int, _ left: UInt64) throws {
    var copies = try copies(.ormap, 2)
    try copies[1].apply(add("k", .gcounter(increment: 100)))
    exchange(&copies)
    try copies[0].apply(remove("k"))
    for _ in 0..<missed { try copies[1].apply(update("k", .gcounter(increment: 1))) }
    exchange(&copies)
    #expect(copies.allSatisfy { entry($0, "k") == .gcounter(left) })
  }

  @Test("a counter in a map counts all additions, however many")
  func manyAdditions() throws {
    var copies = try copies(.ormap, 2)
    try copies[0].apply(add("k", .pncounter(change: 1)))
    copies[1].merge(copies[0])
    var deltas: [ReplicatedValue] = []
    for _ in 0..<99 { deltas.append(try copies[0].apply(update("k", .pncounter(change: 1)))) }
    #expect(entry(copies[0], "k") == .pncounter(100))
    #expect(copies[0].value.encoded().count < 120)
    for (number, delta) in deltas.enumerated() where number % 20 != 3 {
      copies[1].value.merge(delta)
    }
    #expect(entry(copies[1], "k") == .pncounter(100), "missing deltas are in later ones")
  }
}
