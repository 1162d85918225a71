import ReplicatedData
import TestSupport
import Testing

/// The sampled values are states and deltas of random histories, with maps in maps and with values of
/// different types under one key.
@Suite("Merging is a least upper bound")
struct MergeLawsTests {
  static let rounds = 60

  @Test("whatever the order, the grouping and the repetition", arguments: ReplicatedKind.allCases)
  func laws(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("merge laws of \(kind)"))
    for _ in 0..<Self.rounds {
      let history = try History(kind, steps: 25, &random)
      let values = history.samples + history.deltas
      guard !values.isEmpty else { continue }
      for _ in 0..<20 {
        let (x, y, z) = (random.pick(values), random.pick(values), random.pick(values))
        #expect(x.merging(x) == x)
        #expect(x.merging(y) == y.merging(x))
        #expect(x.merging(y).merging(y) == x.merging(y))
        #expect(x.merging(y).merging(z) == x.merging(y.merging(z)))
      }
    }
  }

  @Test(
    "all deltas, in any order, grouped and repeated, make the full value",
    arguments: ReplicatedKind.allCases)
  func deltas(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("deltas of \(kind)"))
    for _ in 0..<Self.rounds {
      let history = try History(kind, steps: 25, &random)
      var parts = history.deltas.shuffled(using: &random.generator)
      for _ in 0..<random.below(10) where parts.count > 1 {
        let group = parts.removeLast()
        parts.append(parts.removeLast().merging(group))
        parts.shuffle(using: &random.generator)
      }
      for _ in 0..<random.below(5) where !parts.isEmpty { parts.append(random.pick(parts)) }
      var merged = ReplicatedValue(kind)
      for part in parts { merged.merge(part) }
      #expect(merged == history.final)
      #expect(merged.digest == history.final.digest)
    }
  }

  @Test("a change and its delta are the same", arguments: ReplicatedKind.allCases)
  func change(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("change of \(kind)"))
    for _ in 0..<Self.rounds {
      let history = try History(kind, steps: 15, &random)
      var copy = random.pick(history.copies)
      for _ in 0..<5 {
        let before = copy.value
        let delta = try copy.apply(random.change(of: kind, holding: copy.plain()))
        #expect(before.merging(delta) == copy.value)
      }
    }
  }

  @Test("where two replicas create different types, all end with the lower one")
  func types() throws {
    var random = ChangeSource(seed: testSeed("types"))
    for _ in 0..<Self.rounds {
      let values = try (0..<3).map { _ in
        try History(random.pick(ReplicatedKind.allCases), steps: 6, &random).copies[0].value
      }
      let (x, y, z) = (values[0], values[1], values[2])
      guard Set(values.map(\.kind)).count > 1 else { continue }
      #expect(x.merging(y).kind == min(x.kind, y.kind))
      // The three histories use the same names of changes, so only values of different types may meet.
      if x.kind != y.kind { #expect(x.merging(y) == y.merging(x)) }
      if x.kind != y.kind, y.kind != z.kind, x.kind != z.kind {
        #expect(x.merging(y).merging(z) == x.merging(y.merging(z)))
      }
    }
  }

  @Test("deletion wins over every state")
  func deletion() throws {
    var copies = try copies(.gset, 2)
    try copies[0].apply(.gset(added: [element("x")]))
    try copies[1].apply(.gset(added: [element("y")]))
    let (left, right) = (
      ReplicatedEntityState.live(copies[0].value), ReplicatedEntityState.live(copies[1].value)
    )
    #expect(left.merging(right) == .live(copies[0].value.merging(copies[1].value)))
    #expect(left.merging(.deleted) == .deleted)
    #expect(ReplicatedEntityState.deleted.merging(left) == .deleted)
    #expect(ReplicatedEntityState.deleted.merging(.deleted) == .deleted)
  }
}
