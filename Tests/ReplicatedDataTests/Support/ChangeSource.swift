import ReplicatedData
import TestSupport

/// Random changes such as a function may make that holds a given value. Few elements and keys, so that changes
/// meet; the elements differ in type URL only, or in value only.
struct ChangeSource {
  var generator: SeededGenerator
  var clocks: [RegisterClock] = RegisterClock.allCases
  /// The types of a map's entries.
  var entryKinds = ReplicatedKind.allCases

  private static let alphabet = [
    DataElement(typeURL: "t", value: []),
    DataElement(typeURL: "t", value: [1]),
    DataElement(typeURL: "u", value: [1]),
    DataElement(typeURL: "u", value: [1, 0]),
  ]

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
  mutating func pick<Item>(_ items: [Item]) -> Item { items[below(items.count)] }
  mutating func element() -> DataElement { pick(Self.alphabet) }
  mutating func elements(_ bound: Int) -> [DataElement] {
    (0..<below(bound)).map { _ in element() }
  }

  mutating func change(
    of kind: ReplicatedKind, holding value: FunctionValue?, depth: Int = 1
  ) -> FunctionDelta {
    switch kind {
    case .gcounter: return .gcounter(increment: UInt64(below(10)))
    case .pncounter: return .pncounter(change: Int64(below(21) - 10))
    case .gset: return .gset(added: elements(3))
    case .orset:
      return .orset(SetDelta(cleared: chance(10), removed: elements(3), added: elements(3)))
    case .lwwregister:
      return .lwwregister(
        RegisterDelta(
          value: element(), clock: pick(clocks), customClockValue: Int64(below(2000))))
    case .flag:
      return .flag(value == .flag(true) || chance(30))
    case .vote: return .vote(VoteTally(selfVote: chance(50)))
    case .ormap:
      var entries: [DataElement: FunctionValue] = [:]
      if case .ormap(let held) = value { entries = held }
      return .ormap(mapChange(holding: entries, depth: depth))
    }
  }

  private mutating func mapChange(
    holding entries: [DataElement: FunctionValue], depth: Int
  ) -> MapDelta {
    var map = MapDelta(cleared: chance(5))
    if chance(30) { map.removed = elements(3) }
    for (key, value) in entries.sorted(by: { $0.key < $1.key }) where chance(50) {
      map.updated.append(
        MapEntryDelta(key: key, delta: change(of: value.kind, holding: value, depth: depth + 1)))
    }
    if entries.isEmpty || chance(30) {
      let kind = pick(entryKinds)
      // Maps lie in maps, but not endlessly.
      guard kind != .ormap || depth < 3 else { return map }
      map.added = [
        MapEntryDelta(key: element(), delta: change(of: kind, holding: nil, depth: depth + 1))
      ]
    }
    return map
  }
}
