import ReplicatedData
import TestSupport
import Testing

@Suite("Counters")
struct CounterTests {
  /// The model: a replica's changes are a list; who knows one of them counts it and all before it, for a
  /// delta holds the sum of its replica.
  @Test("count what a list of changes counts", arguments: [ReplicatedKind.gcounter, .pncounter])
  func model(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("model of \(kind)"))
    for _ in 0..<200 {
      var copies = try copies(kind, 3)
      var made = [[Int64]](repeating: [], count: 3)
      var known = [[Int]](repeating: [0, 0, 0], count: 3)
      var deltas: [(delta: ReplicatedValue, author: Int, number: Int)] = []
      for _ in 0..<30 {
        let index = random.below(3)
        if random.chance(50) {
          let isNegative = kind == .pncounter && random.chance(50)
          let change = Int64(random.below(9) + 1) * (isNegative ? -1 : 1)
          let delta = try copies[index].apply(
            kind == .gcounter ? .gcounter(increment: UInt64(change)) : .pncounter(change: change))
          made[index].append(change)
          known[index][index] = made[index].count
          deltas.append((delta, index, made[index].count))
        } else if random.chance(50), !deltas.isEmpty {
          let (delta, author, number) = random.pick(deltas)
          copies[index].value.merge(delta)
          known[index][author] = max(known[index][author], number)
        } else {
          let other = random.below(3)
          copies[index].merge(copies[other])
          known[index] = zip(known[index], known[other]).map(max)
        }
        let sum = (0..<3).reduce(0) { $0 + made[$1].prefix(known[index][$1]).reduce(0, +) }
        #expect(
          copies[index].plain() == (kind == .gcounter ? .gcounter(UInt64(sum)) : .pncounter(sum)))
      }
    }
  }

  @Test("a GCounter stops at its highest value")
  func saturation() throws {
    var copies = try copies(.gcounter, 3)
    for index in 0..<3 {
      try copies[index].apply(.gcounter(increment: UInt64(Int64.max)))
      try copies[index].apply(.gcounter(increment: UInt64(Int64.max)))
    }
    try copies[0].apply(.gcounter(increment: 100))
    #expect(copies[0].plain() == .gcounter(.max))
    exchange(&copies)
    #expect(copies.allSatisfy { $0.plain() == .gcounter(.max) })
  }

  @Test("a PNCounter wraps around")
  func wrapping() throws {
    var copies = try copies(.pncounter, 2)
    try copies[0].apply(.pncounter(change: .max))
    try copies[0].apply(.pncounter(change: 1))
    #expect(copies[0].plain() == .pncounter(.min))
    try copies[1].apply(.pncounter(change: -1))
    exchange(&copies)
    #expect(copies.allSatisfy { $0.plain() == .pncounter(.max) })
  }

  @Test("outside a map a replica has one share, however often it adds")
  func size() throws {
    var copy = try copies(.gcounter, 1)[0]
    try copy.apply(.gcounter(increment: 1))
    let size = copy.value.encoded().count
    for _ in 0..<100 { try copy.apply(.gcounter(increment: 1)) }
    #expect(copy.value.encoded().count <= size + 1)
  }
}
