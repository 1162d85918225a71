import EtcdClient
import Synchronization
import TestSupport
import Testing

@testable import ClusterControl

/// Candidates on a real etcd.
@Suite(.serialized, .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
struct LeaderElectorTests {
  @Test("Of three one leads at a time: after a farewell, a deleted key, and an ended lease")
  func oneAtATime() async throws {
    let etcd = try await TestEtcd()
    let arena = Arena()
    var candidates: [String: LeaderElector] = [:]
    for name in ["a", "b", "c"] { candidates[name] = candidate(name, etcd, arena) }
    try await eventually("one leads and the others know") {
      arena.leader != nil && arena.followers(of: arena.leader) == 2
    }
    let first = try #require(arena.leader)
    arena.retire(first)
    try await candidates.removeValue(forKey: first)?.stop()
    // Less than the lease would take.
    try await eventually("another one leads after the farewell", within: .seconds(4)) {
      arena.leader.map { $0 != first } ?? false
    }
    for disturbance in ["the key", "the lease"] {
      let term = arena.terms
      if disturbance == "the key" {
        try await etcd.control(["del", "/cs/test/leader"])
      } else {
        let listed = try await etcd.control(["lease", "list"]) ?? ""
        for lease in listed.split(separator: "\n").dropFirst() {
          try await etcd.control(["lease", "revoke", String(lease)])
        }
      }
      try await eventually("a new term after the end of \(disturbance)") {
        arena.terms > term && arena.leader != nil
      }
    }
    #expect(arena.overlaps == 0)
    for (name, candidate) in candidates {
      arena.retire(name)
      try await candidate.stop()
    }
  }

  @Test("A leader without etcd yields before its lease can end, and leads again afterwards")
  func withoutEtcd() async throws {
    let etcd = try await TestEtcd()
    let arena = Arena()
    let alone = candidate("a", etcd, arena)
    try await eventually("it leads") { arena.leader == "a" }
    try await etcd.kill(0)
    try await eventually("it yields") { arena.leader == nil }
    try etcd.start(0)
    try await eventually("it leads again", within: .seconds(20)) { arena.leader == "a" }
    arena.retire("a")
    try await alone.stop()
  }

  private func candidate(_ name: String, _ etcd: TestEtcd, _ arena: Arena) -> LeaderElector {
    let endpoints = etcd.endpoints.split(separator: ",").compactMap {
      EtcdConfiguration.Endpoint(String($0))
    }
    let client = EtcdClient(
      configuration: EtcdConfiguration(endpoints: endpoints), logger: quietLogger())
    let elector = LeaderElector(
      client: client, keys: EtcdKeys(prefix: "/cs/test"),
      card: LeaderCard(name: name, endpoint: "tcp://\(name)"), timeToLive: .seconds(5),
      logger: quietLogger()
    ) { arena.note($0, of: name) }
    arena.enter(name, elector)
    return elector
  }
}

/// Who leads, as the candidates were told.
private final class Arena: Sendable {
  private struct State {
    var electors: [String: LeaderElector] = [:]
    var leaders: Set<String> = []
    var followed: [String: String] = [:]
    var terms = 0
    var overlaps = 0
  }
  private let state = Mutex(State())

  var leader: String? { state.withLock { $0.leaders.first } }
  var terms: Int { state.withLock { $0.terms } }
  /// How often somebody was told to lead while another one did.
  var overlaps: Int { state.withLock { $0.overlaps } }

  func followers(of name: String?) -> Int {
    state.withLock { state in state.followed.values.count { $0 == name } }
  }

  func enter(_ name: String, _ elector: LeaderElector) {
    state.withLock { $0.electors[name] = elector }
  }

  /// It has stopped leading and is about to stop.
  func retire(_ name: String) {
    state.withLock { state in
      state.leaders.remove(name)
      state.followed[name] = nil
    }
  }

  func note(_ event: LeaderElector.Event, of name: String) {
    let yielding = state.withLock { state -> LeaderElector? in
      switch event {
      case .lead:
        if !state.leaders.isEmpty { state.overlaps += 1 }
        state.leaders.insert(name)
        state.followed[name] = nil
        state.terms += 1
      case .follow(let card): state.followed[name] = card?.name
      case .yield:
        state.leaders.remove(name)
        return state.electors[name]
      }
      return nil
    }
    yielding?.yielded()
  }
}
