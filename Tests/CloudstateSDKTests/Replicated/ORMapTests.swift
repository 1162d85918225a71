import SwiftProtobuf
import TestSupport
import Testing

@testable import CloudstateSDK

/// Maps, whose entries are replicated values themselves.
@Suite struct ORMapTests {
  private typealias Scores = ORMap<String, PNCounter>
  private typealias Mixed = AnyReplicated<String>.Map
  private typealias Value = AnyReplicated<String>

  @Test("New entries are told whole, old ones by their changes, removed ones by their keys")
  func entries() throws {
    var scores = Scores()
    let additions = [scores.add("b"), scores.add("a"), scores.add("b")]
    #expect(additions == [true, true, false])
    scores.update("b") { $0.increment(by: 2) }
    scores.update("b") { $0.increment(by: 3) }
    #expect(try scores.tell() == .ormap(added: [("a", .pncounter(0)), ("b", .pncounter(5))]))
    scores.update("b") { $0.decrement() }
    scores.update("a") { $0.add(0) }
    scores.update("c") { $0.increment() }
    #expect(
      try scores.tell() == .ormap(updated: [("b", .pncounter(-1))], added: [("c", .pncounter(1))]))
    scores.update("b") { $0.increment() }
    scores.remove("b")
    scores.remove("unknown")
    #expect(try scores.tell() == .ormap(removed: ["b"]))
    #expect(try scores.tell() == nil)
    #expect(Set(scores.keys) == ["a", "c"])
    #expect(scores["b"] == nil)
    #expect(scores["c"]?.value == 1)
  }

  @Test("An entry that was removed and added again is a new one; one added and removed is none")
  func again() throws {
    var scores = try Scores(.ormap(added: [("a", .pncounter(7))]))
    scores.remove("a")
    scores.update("a") { $0.increment() }
    scores.add("b")
    scores.remove("b")
    #expect(try scores.tell() == .ormap(removed: ["a"], added: [("a", .pncounter(1))]))
    scores.remove("a")
    scores.add("a")
    scores.remove("a")
    #expect(try scores.tell() == .ormap(removed: ["a"]))
  }

  @Test("After a clear, everything is new")
  func clear() throws {
    var scores = try Scores(.ormap(added: [("a", .pncounter(7)), ("b", .pncounter(1))]))
    scores.add("c")
    scores.update("a") { $0.increment() }
    scores.remove("b")
    scores.removeAll()
    scores.update("a") { $0.increment() }
    scores.removeAll()
    scores.update("b") { $0.increment() }
    #expect(scores.count == 1)
    #expect(try scores.tell() == .ormap(cleared: true, added: [("b", .pncounter(1))]))
    scores.removeAll()
    #expect(try scores.tell() == .ormap(cleared: true))
    scores.removeAll()
    #expect(try scores.tell() == nil)
  }

  @Test("Changes from elsewhere are taken in the order cleared, removed, updated, added")
  func applies() throws {
    var map = Mixed()
    try map.apply(.ormap(added: [("n", .pncounter(1)), ("s", .orset(added: ["x"]))]))
    try map.apply(
      .ormap(
        updated: [("s", .orset(removed: ["x"], added: ["y"]))],
        added: [("m", .ormap(added: [("f", .flag(true))]))]))
    map.update("m", default: Value(Mixed())) { value in
      value.update(Mixed.self) { inner in
        inner.update("v", default: Value(Vote())) { $0.update(Vote.self) { $0.vote(true) } }
      }
    }
    #expect(
      try map.tell() == .ormap(updated: [("m", .ormap(added: [("v", .vote(true))]))]))
    #expect(
      try map.whole()
        == .ormap(added: [
          ("m", .ormap(added: [("f", .flag(true)), ("v", .vote(true))])), ("n", .pncounter(1)),
          ("s", .orset(added: ["y"])),
        ]))
    // An entry that was there is replaced.
    try map.apply(.ormap(removed: ["s"], added: [("n", .gset("g"))]))
    #expect(
      try map.whole()
        == .ormap(added: [
          ("m", .ormap(added: [("f", .flag(true)), ("v", .vote(true))])), ("n", .gset("g")),
        ]))
    try map.apply(.ormap(cleared: true))
    #expect(map.isEmpty)
    #expect(try map.tell() == nil)
    #expect(throws: PayloadError.self) { try map.apply(.ormap(updated: [("n", .gset("g"))])) }
  }

  @Test("A value of any type is changed only as what it is")
  func anyType() throws {
    var value = Value(Flag())
    #expect(value.update(GCounter.self) { $0.increment() } == nil)
    #expect(value.update(Flag.self) { $0.switchOn() } != nil)
    #expect((value.base as? Flag)?.isOn == true)
    #expect(try value.tell() == .flag(true))
    #expect(throws: PayloadError.self) { try value.apply(.gcounter(1)) }
  }

  @Test(
    "Whatever was done: the change makes the old value the new one, and taking it back undoes it")
  func changesAndTheirOpposite() throws {
    let seed = testSeed("changesAndTheirOpposite")
    var random = SeededGenerator(seed: seed)
    var map = Mixed()
    for round in 1...400 {
      let before = try map.whole()
      var other = map
      for _ in 0..<Int.random(in: 0...6, using: &random) { map.mutate(using: &random, depth: 2) }
      var undone = map
      undone.rollBack()
      let after = try map.whole()
      try #require(try undone.whole() == before, "seed \(seed), round \(round)")
      try #require(try undone.change() == nil, "seed \(seed), round \(round)")
      if let change = try map.tell() { try other.apply(change) }
      try #require(try other.whole() == after, "seed \(seed), round \(round)")
      try #require(try map.change() == nil, "seed \(seed), round \(round)")
      try #require(try Mixed(after).whole() == after, "seed \(seed), round \(round)")
    }
  }
}

extension AnyReplicated<String>.Map {
  /// Does anything to the map, with values two levels deep at most.
  fileprivate mutating func mutate(using random: inout some RandomNumberGenerator, depth: Int) {
    let key = ["a", "b", "c"].randomElement(using: &random) ?? "a"
    switch Int.random(in: 0..<10, using: &random) {
    case 0: remove(key)
    case 1: if Bool.random(using: &random) { removeAll() }
    case 2: add(key, .any(using: &random, depth: depth))
    default:
      let fresh = AnyReplicated<String>.any(using: &random, depth: depth)
      update(key, default: fresh) { $0.mutate(using: &random, depth: depth - 1) }
    }
  }
}

extension AnyReplicated<String> {
  fileprivate static func any(using random: inout some RandomNumberGenerator, depth: Int) -> Self {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 7), using: &random) {
    case 0: Self(GCounter())
    case 1: Self(PNCounter())
    case 2: Self(GSet<String>())
    case 3: Self(ORSet<String>())
    case 4: Self(LWWRegister(""))
    case 5: Self(Flag())
    case 6: Self(Vote())
    default: Self(Map())
    }
  }

  fileprivate mutating func mutate(using random: inout some RandomNumberGenerator, depth: Int) {
    let text = ["x", "y", "z"].randomElement(using: &random) ?? "x"
    let number = Int64.random(in: -3...3, using: &random)
    let isLucky = Bool.random(using: &random)
    update(GCounter.self) { $0.increment(by: UInt64(number.magnitude)) }
    update(PNCounter.self) { $0.add(number) }
    update(GSet<String>.self) { _ = $0.insert(text) }
    update(ORSet<String>.self) { set in
      switch number {
      case 0: set.removeAll()
      case ..<0: set.remove(text)
      default: set.insert(text)
      }
    }
    update(LWWRegister<String>.self) { $0.set(text) }
    update(Flag.self) { if isLucky { $0.switchOn() } }
    update(Vote.self) { $0.vote(isLucky) }
    update(Map.self) { $0.mutate(using: &random, depth: depth) }
  }
}
