import CloudstateModel
import MessageBus
import NIOCore
import ReplicatedData
import TestSupport
import Testing

@testable import Replication

@Suite("Changes that several nodes confirm")
struct ConfirmationTests {
  private let own = entity("x")

  /// Three nodes that hear of changes only by the requests to confirm them.
  private func withNodes(_ body: (Cluster) async throws -> Void) async throws {
    try await withCluster { cluster in
      Traffic().watch(cluster.network, losing: 100) { $0.kind == .publication }
      cluster.configuration.writeTimeout = .milliseconds(400)
      for name in ["a", "b", "c"] { try await cluster.start(name, comparing: false) }
      try await cluster["a"].open(own)
      try await body(cluster)
    }
  }

  private func holders(_ cluster: Cluster) throws -> [String] {
    try ["b", "c"].filter { try cluster[$0].stored(own)?.plain == .flag(true) }
  }

  @Test("when a majority or all have confirmed, they have it durably")
  func confirmed() async throws {
    try await withNodes { cluster in
      #expect(await cluster["a"].change(own, .flag(true), .majority) == "confirmed")
      let holders = try holders(cluster)
      #expect(!holders.isEmpty)
    }
    try await withNodes { cluster in
      #expect(await cluster["a"].change(own, .flag(true), .all) == "confirmed")
      let holders = try holders(cluster)
      #expect(holders == ["b", "c"])
    }
    try await withNodes { cluster in
      #expect(await cluster["a"].change(own, .flag(true), .local) == "durable")
      #expect(await cluster["a"].delete(own, .all) == "confirmed")
      let stored = try ["b", "c"].map { try cluster[$0].stored(own) }
      #expect(stored == [.deleted, .deleted])
    }
  }

  @Test("one node away: a majority still confirms, all do not, and the change stays")
  func oneAway() async throws {
    try await withNodes { cluster in
      try cluster.partition("a", "b")
      #expect(await cluster["a"].change(own, .flag(true), .majority) == "confirmed")
      #expect(try holders(cluster) == ["c"])
      #expect(await cluster["a"].change(own, .flag(true), .all) == "unconfirmed")
      #expect(try cluster["a"].stored(own)?.plain == .flag(true))
    }
  }

  @Test("a majority away: nothing is confirmed, and nothing is lost")
  func majorityAway() async throws {
    try await withNodes { cluster in
      try cluster.partition("a", "b")
      try cluster.partition("a", "c")
      #expect(await cluster["a"].change(own, .flag(true), .majority) == "unconfirmed")
      #expect(try holders(cluster) == [])
      #expect(try cluster["a"].stored(own)?.plain == .flag(true))
    }
  }

  @Test("a node that comes back in time is asked again")
  func retry() async throws {
    try await withNodes { cluster in
      let traffic = Traffic()
      traffic.watch(cluster.network, losing: 100) {
        $0.kind == .publication || ($0.kind == .answer && $0.source.text == "b")
      }
      let a = cluster["a"]
      try cluster.partition("a", "c")
      async let end = a.change(own, .flag(true), .all)
      try await eventually("b has it, but its answer is lost") {
        traffic.count(from: "b", "write", .answer) > 0
      }
      cluster.network.healAll()
      traffic.watch(cluster.network, losing: 100) { $0.kind == .publication }
      // The lost answer shows when its request times out, which is the limit for the whole change: b counts
      // only if the link breaks before.
      try cluster.partition("a", "b")
      cluster.network.healAll()
      #expect(await end == "confirmed")
    }
  }

  @Test("a confirmed change outlives the node that made it")
  func writerLost() async throws {
    try await withCluster { cluster in
      Traffic().watch(cluster.network, losing: 100) {
        $0.kind == .publication && $0.source.text == "a"
      }
      for name in ["a", "b", "c"] { try await cluster.start(name) }
      try await cluster["a"].open(own)
      try cluster.partition("a", "c")
      #expect(await cluster["a"].change(own, .flag(true), .majority) == "confirmed")
      await cluster.wipe("a")
      try await cluster.converge(on: own) { $0?.plain == .flag(true) }
    }
  }

  @Test("a node without others confirms for itself")
  func alone() async throws {
    try await withCluster { cluster in
      let a = try await cluster.start("a")
      try await a.open(own)
      #expect(await a.change(own, .flag(true), .all) == "confirmed")
    }
  }
}
