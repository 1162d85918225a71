import ReplicatedData
import TestSupport
import Testing

@Suite("What a function is told")
struct DifferenceTests {
  private typealias Difference = (old: FunctionValue, new: FunctionValue, delta: FunctionDelta?)

  /// The table of proxy behaviour, section 9.5.
  @Test("is the shortest change that its type allows")
  func table() throws {
    let table: [Difference] = [
      (.gcounter(3), .gcounter(3), nil),
      (.gcounter(3), .gcounter(.max), .gcounter(increment: .max - 3)),
      (.pncounter(3), .pncounter(3), nil),
      (.pncounter(3), .pncounter(-4), .pncounter(change: -7)),
      (.pncounter(.max), .pncounter(.min), .pncounter(change: 1)),
      (.gset(elements("b")), .gset(elements("b")), nil),
      (
        .gset(elements("b")), .gset(elements("c", "b", "a")),
        .gset(added: [element("a"), element("c")])
      ),
      (.orset(elements("a")), .orset(elements("a")), nil),
      (.orset(elements("a")), .orset([]), .orset(SetDelta(cleared: true))),
      (
        .orset(elements("a", "b")), .orset(elements("b", "c")),
        .orset(SetDelta(removed: [element("a")], added: [element("c")]))
      ),
      (
        .orset(elements("a", "b")), .orset(elements("c")),
        .orset(SetDelta(cleared: true, added: [element("c")]))
      ),
      (.lwwregister(element("a")), .lwwregister(element("a")), nil),
      (
        .lwwregister(element("a")), .lwwregister(element("b")),
        .lwwregister(RegisterDelta(value: element("b")))
      ),
      (.flag(true), .flag(true), nil),
      (.flag(false), .flag(false), nil),
      (.flag(false), .flag(true), .flag(true)),
      (.ormap([:]), .ormap([:]), nil),
      (.ormap([element("a"): .flag(true)]), .ormap([:]), .ormap(MapDelta(cleared: true))),
      (
        .ormap([element("a"): .flag(true), element("b"): .gcounter(1), element("d"): .flag(true)]),
        .ormap([element("b"): .gcounter(3), element("c"): .gcounter(4), element("d"): .flag(true)]),
        .ormap(
          MapDelta(
            removed: [element("a")], updated: [nested("b", .gcounter(increment: 2))],
            added: [nested("c", .gcounter(increment: 4))]))
      ),
      (
        .ormap([element("b"): .gcounter(3), element("c"): .gcounter(3)]),
        .ormap([element("b"): .gcounter(1), element("c"): .flag(true)]),
        .ormap(
          MapDelta(
            removed: [element("b"), element("c")],
            added: [nested("b", .gcounter(increment: 1)), nested("c", .flag(true))]))
      ),
      (.vote(VoteTally(selfVote: true)), .vote(VoteTally(selfVote: true)), nil),
      (
        .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 2)),
        .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 3)),
        .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 3))
      ),
    ]
    for (old, new, delta) in table {
      #expect(try new.difference(from: old) == delta)
    }
  }

  @Test("cannot be a change of type or a loss")
  func incompatible() {
    let pairs: [(FunctionValue, FunctionValue)] = [
      (.gcounter(3), .gcounter(2)), (.gset(elements("a", "b")), .gset(elements("a"))),
      (.flag(true), .flag(false)), (.gset([]), .orset([])),
    ]
    for (old, new) in pairs {
      #expect(throws: IncompatibleChange.self) { try new.difference(from: old) }
    }
  }

  @Test(
    "leads from any value to any other, and from the empty value",
    arguments: ReplicatedKind.allCases)
  func inverse(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("difference of \(kind)"))
    for _ in 0..<100 {
      let values = try (0..<2).map { _ in try History(kind, steps: 12, &random).copies[0].plain() }
      var copy = FunctionValue(emptyOf: kind)
      copy.apply(values[0].initialDelta)
      #expect(copy == values[0])
      guard let delta = try? values[1].difference(from: copy) else { continue }
      #expect(copy != values[1], "equal values differ by nothing")
      copy.apply(delta)
      #expect(copy == values[1])
    }
  }
}
