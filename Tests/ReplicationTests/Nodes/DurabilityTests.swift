import CloudstateModel
import MessageBus
import NIOCore
import ReplicatedData
import ShardStore
import Synchronization
import TestSupport
import Testing

@testable import Replication

@Suite("What is told to other nodes is durable here")
struct DurabilityTests {
  private let own = entity("x")

  /// After a crash a node gives the number of a change that it forgot to another one. Whoever had heard of the
  /// forgotten one would take the new one for known.
  @Test(
    "a change that is not durable is sent to nobody, and its number may be used again",
    arguments: WriteConsistency.allCases)
  func undurable(consistency: WriteConsistency) async throws {
    let traffic = Traffic()
    try await withCluster { cluster in
      traffic.watch(cluster.network)
      let a = try await cluster.start("a", committing: .whenTold)
      for name in ["b", "c"] { try await cluster.start(name) }
      try await a.open(own)
      await a.submit(own, .pncounter(change: 7), consistency)
      #expect(await a.state(of: own)?.plain == .pncounter(7))
      // b asks for it and gets no answer; it compares as well, and a's digests already tell of it.
      try await cluster["b"].open(own)
      let answers = traffic.count(from: "a", "compare", .answer)
      try await eventually("the others have compared their copies") {
        traffic.count(from: "a", "compare", .answer) > answers + 8
      }
      #expect(traffic.count(from: "a", "delta", .publication) == 0)
      #expect(traffic.count(from: "a", "write", .request) == 0)
      for name in ["b", "c"] {
        #expect(try cluster[name].stored(own) == nil)
        #expect(await cluster[name].state(of: own) == nil)
      }
      await cluster.crash("a")
      let again = try await cluster.start("a")
      #expect(again.replica == a.replica)
      try await again.open(own)
      #expect(await again.state(of: own) == nil)
      await again.change(own, .pncounter(change: 5))
      try await cluster.converge(on: own) { $0?.plain == .pncounter(5) }
    }
  }

  @Test("a change of another node is confirmed only when it is durable")
  func confirmation() async throws {
    try await withCluster { cluster in
      cluster.configuration.writeTimeout = .milliseconds(300)
      let a = try await cluster.start("a")
      let b = try await cluster.start("b", committing: .whenTold)
      try await a.open(own)
      #expect(await a.change(own, .flag(true), .all) == "unconfirmed")
      #expect(try b.stored(own) == nil)
      try await cluster.converge(on: own)
      async let end = a.change(own, .flag(true), .all)
      let isOver = Mutex(false)
      async let committer: Void = eventually("the change is over") {
        b.store.commitPending()
        return isOver.withLock { $0 }
      }
      #expect(await end == "confirmed")
      isOver.withLock { $0 = true }
      try await committer
    }
  }

  @Test(
    "changes that find the store's queue full fail, and reach the disk and the others later all the same"
  )
  func overloaded() async throws {
    var configuration = ShardStoreConfiguration()
    configuration.maximumQueuedBatches = 1
    try await withCluster { cluster in
      let a = try await cluster.start("a", store: configuration, committing: .whenTold)
      try await cluster.start("b")
      try await a.open(own)
      let ends = Mutex<[String]>([])
      for _ in 0..<4 {
        await a.submit(own, .pncounter(change: 1)) { end in ends.withLock { $0.append(end) } }
      }
      try await eventually("all have their outcome") {
        a.store.commitPending()
        return ends.withLock(\.count) == 4
      }
      #expect(ends.withLock { $0.contains("durable") && $0.contains("failed: overloaded") })
      try await cluster.converge(on: own) { $0?.plain == .pncounter(4) }
      // Nothing that was refused left a gap behind.
      await cluster.crash("a")
      let again = try await cluster.start("a")
      try await again.open(own)
      #expect(await again.state(of: own)?.plain == .pncounter(4))
    }
  }

  @Test("after a failed write nothing is changed any more, and nothing of it is sent")
  func failedStore() async throws {
    let isFailing = Mutex(false)
    let traffic = Traffic()
    try await withCluster { cluster in
      traffic.watch(cluster.network)
      let a = try await cluster.start(
        "a", fault: { _ in isFailing.withLock { $0 } ? "no space left on device" : nil })
      let b = try await cluster.start("b")
      try await a.open(own)
      await a.change(own, .pncounter(change: 1))
      try await cluster.converge(on: own)
      let sent = traffic.count(from: "a", "delta", .publication)
      isFailing.withLock { $0 = true }
      #expect(await a.change(own, .pncounter(change: 10), .all) == "failed: writeFailed")
      #expect(await a.change(own, .pncounter(change: 10)).hasPrefix("refused: "))
      #expect(await a.delete(own).hasPrefix("failed: "))
      try await b.open(own)
      #expect(await b.change(own, .pncounter(change: 2), .local) == "durable")
      let compared = traffic.count(from: "a", "compare", .answer)
      try await eventually("b has compared its copy with a's") {
        traffic.count(from: "a", "compare", .answer) > compared + 4
      }
      #expect(traffic.count(from: "a", "delta", .publication) == sent)
      #expect(traffic.count(from: "a", "write", .request) == 0)
      #expect(try b.stored(own)?.plain == .pncounter(3))
      #expect(try a.stored(own)?.plain == .pncounter(1))
      // With the disk repaired it starts from what was stored, and catches up.
      isFailing.withLock { $0 = false }
      await cluster.crash("a")
      try await cluster.start("a")
      try await cluster.converge(on: own) { $0?.plain == .pncounter(3) }
    }
  }

  @Test("too many changes that wait for the disk, or too large a copy, are refused")
  func bounds() async throws {
    try await withCluster { cluster in
      cluster.configuration.pendingWrites = 2
      cluster.configuration.maximumCopyBytes = 5000
      let a = try await cluster.start("a", committing: .whenTold)
      try await a.open(own)
      for _ in 0..<2 { await a.submit(own, .flag(true)) }
      #expect(await a.change(own, .flag(true)).contains("2 changes already wait for the disk"))
      let large = entity("large")
      a.store.commitPending()
      try await a.open(large)
      let element = DataElement(typeURL: "t", value: Array(repeating: 1, count: 6000))
      await a.submit(large, .gset(added: [element]))
      #expect(await a.change(large, .gset(added: [.empty])).contains("at most 5000 are allowed"))
    }
  }

  @Test("nodes that crash, partitions and losses at random: what was acknowledged is never lost")
  func chaos() async throws {
    let seed = testSeed("replication chaos")
    var random = SeededGenerator(seed: seed)
    let names = ["a", "b", "c"]
    let traffic = Traffic(seed: seed)
    let acknowledged = Mutex<Set<UInt32>>([])
    try await withCluster { cluster in
      cluster.configuration.writeTimeout = .milliseconds(100)
      cluster.configuration.readTimeout = .milliseconds(30)
      traffic.watch(cluster.network, losing: 30)
      for name in names {
        try await cluster.start(name, committing: .whenTold)
        try await cluster[name].open(own)
      }
      for step: UInt32 in 0..<150 {
        let name = names[Int.random(in: 0..<3, using: &random)]
        let other = names[Int.random(in: 0..<3, using: &random)]
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<10:
          let element = DataElement(typeURL: "t", value: withUnsafeBytes(of: step) { Array($0) })
          let consistency = WriteConsistency.allCases.randomElement(using: &random) ?? .local
          await cluster[name].submit(own, .gset(added: [element]), consistency) { end in
            guard ["durable", "confirmed", "unconfirmed"].contains(end) else { return }
            acknowledged.withLock { _ = $0.insert(step) }
          }
        case 10..<16: cluster[name].store.commitPending()
        case 16..<18:
          // What was not committed is lost.
          await cluster.crash(name)
          try await cluster.start(name, committing: .whenTold)
          try await cluster[name].open(own)
        case 18 where name != other: try cluster.partition(name, other)
        default: cluster.network.healAll()
        }
      }
      cluster.network.healAll()
      try await cluster.converge(on: own)
      let final = try cluster["a"].stored(own)?.plain
      guard case .gset(let elements) = final else {
        Issue.record("seed \(seed): \(String(describing: final))")
        return
      }
      let found = Set(
        elements.map { element in
          element.value.enumerated().reduce(UInt32(0)) {
            $0 | UInt32($1.element) << (8 * UInt32($1.offset))
          }
        })
      let lost = acknowledged.withLock { $0 }.subtracting(found)
      #expect(lost.isEmpty, "seed \(seed): \(lost.sorted())")
      #expect(found.count > 5, "seed \(seed): something happened")
    }
  }
}
