import ReplicatedData
import TestSupport
import Testing

@Suite("Sets and flags")
struct SetTests {
  /// The model: an addition is in effect until a change that knows it takes it away. Removals take away the
  /// additions of their element that they know, additions replace them.
  @Test("an ORSet holds what the list of changes holds")
  func model() throws {
    struct Change {
      let element: DataElement
      let isAddition: Bool
      let undone: Set<Int>
    }
    var random = ChangeSource(seed: testSeed("model of orset"))
    for _ in 0..<200 {
      var copies = try copies(.orset, 3)
      var changes: [Change] = []
      var deltas: [ReplicatedValue] = []
      var known = [Set<Int>](repeating: [], count: 3)
      func effective(_ index: Int) -> Set<Int> {
        let undone = known[index].reduce(into: Set<Int>()) { $0.formUnion(changes[$1].undone) }
        return known[index].subtracting(undone).filter { changes[$0].isAddition }
      }
      for _ in 0..<40 {
        let index = random.below(3)
        if random.chance(60) {
          let (element, isAddition) = (random.element(), random.chance(50))
          let undone = effective(index).filter { changes[$0].element == element }
          changes.append(Change(element: element, isAddition: isAddition, undone: undone))
          known[index].insert(changes.count - 1)
          let delta =
            isAddition ? SetDelta(added: [element, element]) : SetDelta(removed: [element])
          deltas.append(try copies[index].apply(.orset(delta)))
        } else if random.chance(50), !deltas.isEmpty {
          let number = random.below(deltas.count)
          copies[index].value.merge(deltas[number])
          known[index].insert(number)
        } else {
          let other = random.below(3)
          copies[index].merge(copies[other])
          known[index].formUnion(known[other])
        }
        let expected = Set(effective(index).map { changes[$0].element })
        #expect(copies[index].plain() == .orset(expected))
      }
    }
  }

  @Test("an addition wins over a removal that does not know of it, even where it changes nothing")
  func additionWins() throws {
    var copies = try copies(.orset, 2)
    try copies[0].apply(.orset(SetDelta(added: [element("x"), element("y")])))
    exchange(&copies)
    try copies[0].apply(.orset(SetDelta(removed: [element("x"), element("y")])))
    try copies[1].apply(.orset(SetDelta(added: [element("x")])))
    exchange(&copies)
    #expect(copies.allSatisfy { $0.plain() == .orset(elements("x")) })
    try copies[1].apply(.orset(SetDelta(removed: [element("x")])))
    exchange(&copies)
    #expect(copies.allSatisfy { $0.plain() == .orset([]) }, "a removal that knows of it removes it")
  }

  @Test("the parts of a change take effect in order: clear, remove, add")
  func order() throws {
    var copy = try copies(.orset, 1)[0]
    try copy.apply(.orset(SetDelta(added: [element("x"), element("y")])))
    try copy.apply(
      .orset(SetDelta(cleared: true, removed: [element("z")], added: [element("z")])))
    #expect(copy.plain() == .orset(elements("z")))
  }

  @Test("a function removes what it has been told of")
  func seen() throws {
    var copies = try copies(.orset, 2)
    try copies[0].apply(.orset(SetDelta(added: [element("old"), element("both")])))
    let seen = copies[0].value.context
    try copies[1].apply(.orset(SetDelta(added: [element("new"), element("both")])))
    copies[0].merge(copies[1])
    var other = copies[0]
    try copies[0].apply(.orset(SetDelta(cleared: true)), seen: seen)
    #expect(copies[0].plain() == .orset(elements("new", "both")))
    try other.apply(.orset(SetDelta(removed: [element("old"), element("both")])), seen: seen)
    #expect(other.plain() == .orset(elements("new", "both")))
    try other.apply(.orset(SetDelta(cleared: true)))
    #expect(other.plain() == .orset([]))
  }

  @Test("elements differ if any byte differs, even where Swift holds the texts equal")
  func elementsAreBytes() throws {
    let composed = DataElement(typeURL: "\u{e9}", value: [])
    let decomposed = DataElement(typeURL: "e\u{301}", value: [])
    #expect(composed != decomposed)
    #expect((composed < decomposed) != (decomposed < composed))
    var copy = try copies(.gset, 1)[0]
    try copy.apply(.gset(added: [composed, decomposed, composed]))
    #expect(copy.plain() == .gset([composed, decomposed]))
    #expect(try ReplicatedValue(decoding: copy.value.encoded()) == copy.value)
  }

  @Test("sets that only grow unite, and adding what is there is no change")
  func growing() throws {
    var copies = try copies(.gset, 2)
    try copies[0].apply(.gset(added: [element("x"), element("x")]))
    try copies[1].apply(.gset(added: [element("y")]))
    exchange(&copies)
    #expect(copies.allSatisfy { $0.plain() == .gset(elements("x", "y")) })
    let again = try copies[0].apply(.gset(added: [element("y")]))
    #expect(again.hasNoChanges)
  }

  @Test("a flag that is on anywhere is on everywhere")
  func flag() throws {
    var copies = try copies(.flag, 2)
    let nothing = try copies[0].apply(.flag(false))
    #expect(nothing.hasNoChanges)
    #expect(copies[0].plain() == .flag(false))
    try copies[1].apply(.flag(true))
    exchange(&copies)
    #expect(copies.allSatisfy { $0.plain() == .flag(true) })
    let again = try copies[0].apply(.flag(true))
    #expect(again.hasNoChanges)
  }
}
