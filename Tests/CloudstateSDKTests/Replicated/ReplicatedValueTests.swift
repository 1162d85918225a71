import CloudstateProtocol
import SwiftProtobuf
import Testing

@testable import CloudstateSDK

/// What each type tells its sidecar, takes from it, and takes back.
@Suite struct ReplicatedValueTests {
  @Test("A GCounter tells the sum of its increments and takes those of others")
  func gcounter() throws {
    var counter = GCounter()
    #expect(try counter.tell() == nil)
    counter.increment(by: 40)
    counter.increment()
    counter.increment(by: 0)
    #expect(try counter.tell() == .gcounter(41))
    #expect(try counter.tell() == nil)
    try counter.apply(.gcounter(2))
    #expect(counter.value == 43)
    #expect(try counter.tell() == nil)
    counter.increment(by: 7)
    counter.rollBack()
    #expect(counter.value == 43)
    #expect(try counter.tell() == nil)
    #expect(counter.whole() == .gcounter(43))
  }

  @Test("A GCounter stops at what can be told")
  func gcounterMaximum() throws {
    var counter = try GCounter(.gcounter(.max))
    #expect(counter.value == GCounter.maximum)
    counter.increment(by: .max)
    #expect(try counter.tell() == nil)
    counter = GCounter()
    counter.increment(by: .max)
    #expect(try counter.tell() == .gcounter(GCounter.maximum))
  }

  @Test("A PNCounter tells the sum of its changes and takes those of others")
  func pncounter() throws {
    var counter = PNCounter()
    counter.increment(by: 10)
    counter.decrement(by: 13)
    counter.add(1)
    #expect(counter.value == -2)
    #expect(try counter.tell() == .pncounter(-2))
    counter.add(5)
    counter.add(-5)
    #expect(try counter.tell() == nil)
    try counter.apply(.pncounter(-40))
    #expect(counter.value == -42)
    counter.add(1)
    counter.rollBack()
    #expect(counter.value == -42)
    #expect(counter.whole() == .pncounter(-42))
  }

  @Test("A PNCounter stops at the ends of its range, and of what can be told at once")
  func pncounterRange() throws {
    var counter = PNCounter()
    counter.add(.max)
    counter.add(1)
    #expect(counter.value == .max)
    #expect(try counter.tell() == .pncounter(.max))
    counter.decrement(by: .max)
    #expect(try counter.tell() == .pncounter(-.max))
    counter.decrement(by: .min)
    #expect(try counter.tell() == .pncounter(.max))
    counter.add(.min)
    counter.add(.min)
    #expect(counter.value == -1)
    #expect(try counter.tell() == .pncounter(.min))
  }

  @Test("A GSet tells only what is new")
  func gset() throws {
    var set = try GSet<String>(.gset("a", "b"))
    #expect(set.elements == ["a", "b"])
    let insertions = [set.insert("b"), set.insert("d"), set.insert("c"), set.insert("c")]
    #expect(insertions == [false, true, true, false])
    #expect(try set.tell() == .gset("c", "d"))
    try set.apply(.gset("", "d"))
    #expect(set.elements == ["", "a", "b", "c", "d"])
    #expect(try set.tell() == nil)
    set.insert("x")
    set.rollBack()
    #expect(!set.contains("x"))
    #expect(set.count == 5)
    #expect(try set.whole() == .gset("", "a", "b", "c", "d"))
  }

  @Test("An ORSet tells the effect of its changes, not each of them")
  func orset() throws {
    var set = ORSet<String>()
    set.insert("a")
    set.insert("b")
    #expect(try set.tell() == .orset(added: ["a", "b"]))
    set.insert("c")
    set.remove("c")
    set.remove("a")
    set.insert("a")
    set.remove("unknown")
    #expect(try set.tell() == nil)
    set.remove("b")
    set.insert("d")
    #expect(try set.tell() == .orset(removed: ["b"], added: ["d"]))
    set.removeAll()
    set.insert("a")
    set.remove("d")
    #expect(try set.tell() == .orset(cleared: true, added: ["a"]))
    set.removeAll()
    #expect(try set.tell() == .orset(cleared: true))
    set.removeAll()
    #expect(try set.tell() == nil)
    set.insert("a")
    set.removeAll()
    set.insert("x")
    #expect(try set.tell() == .orset(cleared: true, added: ["x"]))
    #expect(set.elements == ["x"])
  }

  @Test("An ORSet takes changes in the order cleared, removed, added")
  func orsetApplies() throws {
    var set = try ORSet<String>(.orset(added: ["a", "b"]))
    try set.apply(.orset(removed: ["a", "none"], added: ["c"]))
    #expect(set.elements == ["b", "c"])
    try set.apply(.orset(cleared: true, removed: ["x"], added: ["x", "y"]))
    #expect(set.elements == ["x", "y"])
    #expect(try set.tell() == nil)
    #expect(try set.whole() == .orset(added: ["x", "y"]))
  }

  @Test("A register tells each write with its clock, and the last one only")
  func register() throws {
    var register = LWWRegister("")
    #expect(try register.tell() == .register(""))
    register.set("a")
    register.set("b", clock: .reversed)
    #expect(try register.tell() == .register("b", .reverse))
    register.set("b", clock: .custom(123))
    #expect(try register.tell() == .register("b", .custom, 123))
    register.set("b", clock: .customAtLeastNext(-4))
    #expect(try register.tell() == .register("b", .customAutoIncrement, -4))
    try register.apply(.register("c"))
    #expect(register.value == "c")
    #expect(try register.tell() == nil)
    register.set("d")
    register.set("e")
    register.rollBack()
    #expect(register.value == "c")
    #expect(try register.tell() == nil)
    try register.apply(.register(nil))
    #expect(register.value == nil)
    #expect(try LWWRegister<String>().change() == nil)
    #expect(try LWWRegister<String>().whole() == .register(nil))
  }

  @Test("A flag tells that it was switched on, once")
  func flag() throws {
    var flag = Flag()
    #expect(try flag.tell() == nil)
    flag.switchOn()
    flag.rollBack()
    #expect(!flag.isOn)
    flag.switchOn()
    #expect(try flag.tell() == .flag(true))
    flag.switchOn()
    #expect(try flag.tell() == nil)
    try flag.apply(.flag(false))
    #expect(flag.isOn)
    flag.rollBack()
    #expect(flag.isOn)
    #expect(try Flag(.flag(true)).whole() == .flag(true))
  }

  @Test("A vote tells what this node says and counts it among the others")
  func vote() throws {
    var vote = Vote()
    #expect((vote.selfVote, vote.votesFor, vote.totalVoters) == (false, 0, 1))
    vote.vote(true)
    #expect(vote.isUnanimous)
    #expect(try vote.tell() == .vote(true))
    vote.vote(false)
    vote.vote(true)
    #expect(try vote.tell() == nil)
    try vote.apply(.vote(true, 2, 4))
    #expect(vote.isAtLeastOne && !vote.isMajority && !vote.isUnanimous)
    vote.vote(false)
    #expect((vote.selfVote, vote.votesFor, vote.totalVoters) == (false, 1, 4))
    vote.rollBack()
    #expect((vote.selfVote, vote.votesFor, vote.totalVoters) == (true, 2, 4))
    vote.vote(false)
    #expect(try vote.tell() == .vote(false))
    try vote.apply(.vote(false, 3, 5))
    #expect(vote.isMajority)
    #expect(try vote.tell() == nil)
    try vote.apply(.vote(true, -1, 0))
    #expect((vote.votesFor, vote.totalVoters) == (0, 1))
  }

  @Test("Values of another type, and elements of another type, are refused")
  func mismatches() throws {
    let deltas: [ReplicatedDelta] = [
      .gcounter(1), .pncounter(1), .gset("a"), .orset(added: ["a"]), .register("a"), .flag(true),
      .ormap(), .vote(true),
    ]
    let types: [any ReplicatedValue.Type] = [
      GCounter.self, PNCounter.self, GSet<String>.self, ORSet<String>.self,
      LWWRegister<String>.self, Flag.self, ORMap<String, Flag>.self, Vote.self,
    ]
    for (row, type) in types.enumerated() {
      for (column, delta) in deltas.enumerated() {
        let isRead = (try? type.init(delta)) != nil
        #expect(isRead == (row == column), "\(type) of \(delta.typeName)")
        #expect((try? AnyReplicated<String>(delta)) != nil)
      }
      #expect(throws: PayloadError.self) { _ = try type.init(ReplicatedDelta(.init())) }
    }
    #expect(throws: PayloadError.self) { try AnyReplicated<String>(ReplicatedDelta(.init())) }
    #expect(throws: PayloadError.self) { try GSet<Int64>(.gset("a")) }
    #expect(throws: PayloadError.self) { try ORSet<Int64>(.orset(removed: ["a"])) }
    #expect(throws: PayloadError.self) { try LWWRegister<Int64>(.register("a")) }
    #expect(throws: PayloadError.self) { try ORMap<Int64, Flag>(.ormap(removed: ["a"])) }
  }
}
