import CloudstateModel
import MessageBus
import NIOCore
import ReplicatedData
import ShardStore
import TestSupport
import Testing

@testable import Replication

@Suite("Copies on several nodes come to agree")
struct ConvergenceTests {
  private static let names = ["a", "b", "c"]

  @Test(
    "changes of every type at all nodes, with half of all publications lost",
    arguments: ReplicatedKind.allCases)
  func lostPublications(kind: ReplicatedKind) async throws {
    let seed = testSeed("convergence of \(kind)")
    var random = SeededGenerator(seed: seed)
    let traffic = Traffic(seed: seed)
    try await withCluster { cluster in
      traffic.watch(cluster.network, losing: 50) { $0.kind == .publication }
      for name in Self.names { try await cluster.start(name) }
      let entities = ["x", "y"].map(entity)
      for name in Self.names {
        for entity in entities { try await cluster[name].open(entity) }
      }
      for _ in 0..<60 {
        let node = cluster[Self.names.randomElement(using: &random) ?? "a"]
        let own = entities.randomElement(using: &random) ?? entities[0]
        let end = await node.change(own, kind.randomChange(using: &random))
        #expect(end == "durable")
      }
      for entity in entities { try await cluster.converge(on: entity) }
      // Also in memory, and in the digests by which nodes find what differs.
      for entity in entities {
        let expected = try cluster["a"].stored(entity)
        for name in Self.names { #expect(await cluster[name].state(of: entity) == expected) }
      }
      try await eventually("the digests agree") {
        Set(Self.names.map { cluster[$0].replicator.board.all }).count == 1
      }
    }
  }

  @Test("a node that has just joined gets changes before it hears publications")
  func slowSubscription() async throws {
    let traffic = Traffic(seed: 0)
    try await withCluster { cluster in
      cluster.configuration.linkTime = .seconds(60)
      traffic.watch(cluster.network, losing: 100) { $0.kind == .publication }
      let own = entity("x")
      let a = try await cluster.start("a", comparing: false)
      try await cluster.start("b", comparing: false)
      try await a.open(own)
      await a.change(own, .gcounter(increment: 1))
      try await cluster.converge(on: own)
    }
  }

  @Test("instances hear of changes elsewhere and of members, and not of their own")
  func changed() async throws {
    try await withCluster { cluster in
      let (a, b) = (try await cluster.start("a"), try await cluster.start("b"))
      let own = entity("x")
      try await a.open(own)
      try await b.open(own)
      try await eventually("the names are known") {
        await a.electorate.members == [a.replica, b.replica]
      }
      let before = a.changeCount(of: own)
      await a.change(own, .vote(VoteTally(selfVote: true)))
      #expect(a.changeCount(of: own) == before)
      await b.change(own, .vote(VoteTally(selfVote: true)))
      try await eventually("a was told") { a.changeCount(of: own) > before }
      let value = try #require(await a.state(of: own))
      guard case .live(let vote) = value else { return #expect(Bool(false)) }
      #expect(
        vote.functionValue(in: await a.electorate)
          == .vote(VoteTally(selfVote: true, votesFor: 2, totalVoters: 2)))
      let told = a.changeCount(of: own)
      await a.close(own)
      try await cluster.start("c")
      try await eventually("the members changed") { await a.electorate.members.count == 3 }
      #expect(a.changeCount(of: own) == told, "its instance is gone")
      try await eventually("b was told") { b.changeCount(of: own) > 0 }
    }
  }

  @Test("an instance starts with what a majority knows, without waiting for anti-entropy")
  func majorityRead() async throws {
    try await withCluster { cluster in
      let traffic = Traffic()
      traffic.watch(cluster.network, losing: 100) { $0.kind == .publication }
      for name in Self.names { try await cluster.start(name, comparing: false) }
      let own = entity("x")
      for name in ["a", "b"] {
        try await cluster[name].open(own)
        await cluster[name].change(own, .gcounter(increment: 1))
      }
      try await cluster["c"].open(own)
      // Whichever of the two answers first is the majority together with c itself.
      try await eventually("both were read") {
        await cluster["c"].state(of: own)?.plain == .gcounter(2)
      }
      #expect(try cluster["a"].stored(own)?.plain == .gcounter(1))
    }
  }

  @Test("an instance starts alone when no majority can be asked")
  func noMajority() async throws {
    try await withCluster { cluster in
      for name in Self.names { try await cluster.start(name) }
      try cluster.partition("a", "b")
      try cluster.partition("a", "c")
      try await cluster["a"].open(entity("x"))
      #expect(await cluster["a"].change(entity("x"), .flag(true)) == "durable")
    }
  }

  // MARK: Disks

  @Test("a node that restarts has its copies, and goes on numbering its changes")
  func restart() async throws {
    try await withCluster { cluster in
      let own = entity("x")
      for round in 1...5 {
        let node = try await cluster.start("a")
        try await node.open(own)
        #expect(
          await node.state(of: own)?.plain == (round == 1 ? nil : .gcounter(UInt64(round - 1) * 3)))
        for _ in 0..<3 { #expect(await node.change(own, .gcounter(increment: 1)) == "durable") }
        await cluster.crash("a")
      }
    }
  }

  @Test("a node with a fresh disk gets everything, under a name of its own")
  func freshDisk() async throws {
    try await withCluster { cluster in
      let (a, b) = (try await cluster.start("a"), try await cluster.start("b"))
      let entities = (0..<150).map { entity("e\($0)") }
      for (index, own) in entities.enumerated() {
        let node = index % 2 == 0 ? a : b
        try await node.open(own)
        await node.change(own, .pncounter(change: Int64(index) + 1))
        await node.close(own)
      }
      for own in entities { try await cluster.converge(on: own) }
      let name = b.replica
      await cluster.wipe("b")
      let reborn = try await cluster.start("b")
      #expect(reborn.replica != name)
      for (index, own) in entities.enumerated() {
        try await cluster.converge(on: own) { $0?.plain == .pncounter(Int64(index) + 1) }
      }
      // What it changes now is not taken for what it changed in its first life.
      let own = entities[1]
      try await reborn.open(own)
      await reborn.change(own, .pncounter(change: 10))
      try await cluster.converge(on: own) { $0?.plain == .pncounter(12) }
    }
  }

  @Test("a copy too large for a message keeps no other from coming")
  func tooLarge() async throws {
    var limits = InMemoryLimits()
    limits.maximumMessageBytes = 16 * 1024
    try await withCluster(limits: limits) { cluster in
      let a = try await cluster.start("a")
      let large = entity("large")
      try await a.open(large)
      let element = DataElement(typeURL: "t", value: Array(repeating: 1, count: 20_000))
      await a.change(large, .gset(added: [element]))
      let small = (0..<50).map { entity("e\($0)") }
      for own in small {
        try await a.open(own)
        await a.change(own, .flag(true))
      }
      let b = try await cluster.start("b")
      for own in small { try await cluster.converge(on: own) { $0?.plain == .flag(true) } }
      #expect(try b.stored(large) == nil)
    }
  }

  @Test("a copy that nobody uses leaves the memory, and comes back whole")
  func eviction() async throws {
    try await withCluster { cluster in
      let a = try await cluster.start("a")
      let own = entity("x")
      try await a.open(own)
      await a.change(own, .pncounter(change: 4))
      await a.close(own)
      try await eventually("it has left") { await a.state(of: own) == nil }
      try await a.open(own)
      #expect(await a.state(of: own)?.plain == .pncounter(4))
    }
  }

  @Test("a damaged copy keeps a node from starting, and says which")
  func damaged() async throws {
    try await withCluster { cluster in
      let a = try await cluster.start("a")
      a.store.submit(
        ReplicaWrite(entity: entity("x"), change: .whole([9, 9], replacingDeltasUpTo: 0)),
        token: 0, to: NoSink())
      a.store.close()
      await cluster.crash("a")
      let error = try await #require(throws: StoreError.self) { try await cluster.start("a") }
      #expect(error.code == .corruptRecord)
      #expect(error.message.contains("things|x"))
    }
  }

  // MARK: Deletion

  @Test("a deletion wins over changes that do not know of it, and stays over restarts")
  func deletion() async throws {
    try await withCluster { cluster in
      for name in Self.names { try await cluster.start(name) }
      let own = entity("x")
      for name in Self.names { try await cluster[name].open(own) }
      await cluster["a"].change(own, .pncounter(change: 1))
      try await cluster.converge(on: own)
      try cluster.partition("a", "b")
      try cluster.partition("b", "c")
      #expect(await cluster["a"].delete(own) == "durable")
      #expect(await cluster["b"].change(own, .pncounter(change: 5)) == "durable")
      cluster.network.healAll()
      try await cluster.converge(on: own) { $0 == .deleted }
      await cluster.crash("b")
      try await cluster.start("b")
      try await cluster["b"].open(own)
      #expect(await cluster["b"].state(of: own) == .deleted)
      #expect(await cluster["b"].change(own, .pncounter(change: 5)) == "deleted")
      await cluster.wipe("c")
      try await cluster.start("c")
      try await cluster.converge(on: own) { $0 == .deleted }
    }
  }
}

/// Nobody wants to know.
final class NoSink: CommitSink {
  func completed(_ outcomes: [CommitOutcome]) {}
}

extension ReplicatedKind {
  func randomChange(using random: inout SeededGenerator) -> FunctionDelta {
    func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
    func element() -> DataElement { DataElement(typeURL: "t", value: [UInt8(below(6))]) }
    switch self {
    case .gcounter: return .gcounter(increment: UInt64(below(5)))
    case .pncounter: return .pncounter(change: Int64(below(9) - 4))
    case .gset: return .gset(added: [element()])
    case .orset:
      return .orset(SetDelta(cleared: below(10) == 0, removed: [element()], added: [element()]))
    case .lwwregister:
      return .lwwregister(
        RegisterDelta(
          value: element(), clock: RegisterClock.allCases[below(4)],
          customClockValue: Int64(below(2000))))
    // Once it may be on elsewhere, it must not be switched off any more.
    case .flag: return .flag(true)
    case .vote: return .vote(VoteTally(selfVote: below(2) == 0))
    case .ormap:
      let delta: FunctionDelta =
        below(2) == 0 ? .pncounter(change: Int64(below(9))) : .gset(added: [element()])
      return .ormap(
        MapDelta(removed: [element()], added: [MapEntryDelta(key: element(), delta: delta)]))
    }
  }
}
