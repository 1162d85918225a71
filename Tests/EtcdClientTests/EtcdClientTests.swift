import EtcdClient
import GRPCTransport
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing

/// The client against a real etcd.
@Suite(.serialized, .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
struct EtcdClientTests {
  @Test("A transaction happens as a whole or not at all")
  func transactions() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd.endpoints) { client in
      let first = try await put(client, "a", "1", ifChangedAt: 0)
      #expect(first.succeeded)
      let again = try await put(client, "a", "2", ifChangedAt: 0)
      #expect(!again.succeeded)
      #expect(again.reads.first?.first?.value == Array("1".utf8))
      #expect(again.reads.first?.first?.modRevision == first.revision)
      let second = try await put(client, "a", "3", ifChangedAt: first.revision)
      #expect(second.succeeded && second.revision > first.revision)
      let then = try await client.read(
        key: Array("a".utf8), revision: first.revision, timeout: .seconds(5)
      ).get()
      #expect(then.values.map(\.value) == [Array("1".utf8)])
      let now = try await etcd.control(["get", "a", "--print-value-only"])
      #expect(now == "3\n")
    }
  }

  @Test("A key ends with its lease, and a lease that has ended is told")
  func leases() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd.endpoints) { client in
      let lease = try await client.grantLease(timeToLive: .seconds(60), timeout: .seconds(5)).get()
      #expect(lease.timeToLive == .seconds(60))
      let key = Array("k".utf8)
      _ = try await client.transact(
        if: [], then: [.put(key: key, value: [1], lease: lease.id)], else: [],
        timeout: .seconds(5)
      ).get()
      let kept = try await client.keepAlive(lease.id, timeout: .seconds(5)).get()
      #expect(kept.timeToLive == .seconds(60))
      try await client.revoke(lease.id, timeout: .seconds(5)).get()
      let values = try await client.read(key: key, timeout: .seconds(5)).get().values
      #expect(values.isEmpty)
      let ended = try await client.keepAlive(lease.id, timeout: .seconds(5)).get()
      #expect(ended.timeToLive == .zero)
      await #expect(throws: EtcdError.self) {
        try await client.revoke(lease.id, timeout: .seconds(5)).get()
      }
    }
  }

  @Test("A watch tells each change in order; one from before a compaction ends and says so")
  func watches() async throws {
    let etcd = try await TestEtcd()
    try await withClient(etcd.endpoints) { client in
      let first = try await put(client, "w", "1", ifChangedAt: 0)
      let events = Events()
      let watch = client.watch(key: Array("w".utf8), from: first.revision) { events.add($0) }
      _ = try await put(client, "w", "2", ifChangedAt: first.revision)
      try await etcd.control(["del", "w"])
      try await eventually("three changes") { events.now.count >= 4 }
      #expect(events.now.first == .began)
      #expect(events.values == ["1", "2"])
      guard case .deleted(_, let revision)? = events.now.last else {
        Issue.record("the deletion is missing: \(events.now)")
        return
      }
      watch.cancel()
      try await eventually("the end is told") { events.isOver }

      try await etcd.control(["compaction", "\(revision)"])
      let late = Events()
      _ = client.watch(key: Array("w".utf8), from: first.revision) { late.add($0) }
      try await eventually("the compaction is told") { late.isOver }
      guard case .ended(let error)? = late.now.last else { return }
      #expect(error.kind == .compacted)
      await #expect(throws: EtcdError.self) {
        _ = try await client.read(
          key: Array("w".utf8), revision: first.revision, timeout: .seconds(5)
        ).get()
      }
    }
  }

  @Test("A member that is dead or hangs is passed over; without a majority the time is up")
  func failover() async throws {
    let etcd = try await TestEtcd(members: 3)
    try await withClient(etcd.endpoints) { client in
      var last = try await put(client, "f", "1", ifChangedAt: 0)
      try await etcd.kill(0)
      last = try await putUntilDone(client, "f", "2", ifChangedAt: last.revision)
      try etcd.start(0)
      try await etcd.waitUntilHealthy(0)
      etcd.pause(1)
      last = try await putUntilDone(client, "f", "3", ifChangedAt: last.revision)
      etcd.resume(1)
      try await etcd.kill(0)
      try await etcd.kill(2)
      do {
        _ = try await client.read(key: Array("f".utf8), timeout: .seconds(3)).get()
        Issue.record("one member of three answered")
      } catch let error as EtcdError {
        #expect(error.kind == .unavailable)
      }
    }
  }

  @Test("With a user and a password; a wrong password is refused at once")
  func authentication() async throws {
    let etcd = try await TestEtcd()
    for command in [
      ["user", "add", "root:secret"], ["user", "grant-role", "root", "root"], ["auth", "enable"],
    ] {
      let result = try await etcd.control(command)
      #expect(result != nil, "\(command)")
    }
    try await withClient(etcd.endpoints, credentials: ("root", "secret")) { client in
      let result = try await put(client, "a", "1", ifChangedAt: 0)
      #expect(result.succeeded)
    }
    for credentials in [("root", "wrong"), nil] {
      try await withClient(etcd.endpoints, credentials: credentials) { client in
        do {
          _ = try await client.read(key: [1], timeout: .seconds(5)).get()
          Issue.record("etcd let a stranger in")
        } catch let error as EtcdError where credentials != nil {
          #expect(error.kind == .denied)
        } catch is EtcdError {}
      }
    }
  }

  @Test("With TLS and a client's certificate; without one there is no connection")
  func encrypted() async throws {
    let authority = try await TestAuthority()
    let server = try await authority.issueServer()
    let etcd = try await TestEtcd(tls: TestEtcd.Files(authority: authority, server: server))
    let own = try await authority.issue(
      "client", commonName: "coordinator", alternativeNames: "DNS:coordinator")
    let tls = try GRPCClientTLS(
      authorityFile: authority.certificate, certificateFile: own.certificate, keyFile: own.key)
    try await withClient(etcd.endpoints, tls: tls) { client in
      let result = try await put(client, "a", "1", ifChangedAt: 0)
      #expect(result.succeeded)
    }
    let stranger = try GRPCClientTLS(authorityFile: authority.certificate)
    try await withClient(etcd.endpoints, tls: stranger) { client in
      await #expect(throws: EtcdError.self) {
        _ = try await client.read(key: [1], timeout: .seconds(1)).get()
      }
    }
  }

  @Test(
    "Endpoints are read or refused",
    arguments: [
      ("http://10.0.0.1:2379", "http://10.0.0.1:2379"), ("[::1]:2379", "http://[::1]:2379"),
      ("https://etcd-1:2379/", "https://etcd-1:2379"), ("ftp://x:1", nil), ("x", nil),
      ("unix:/x", nil), ("", nil),
    ])
  func endpoints(text: String, meaning: String?) {
    #expect(EtcdConfiguration.Endpoint(text)?.description == meaning)
  }

  // MARK: Parts

  private func withClient(
    _ endpoints: String, credentials: (String, String)? = nil, tls: GRPCClientTLS? = nil,
    _ body: (EtcdClient) async throws -> Void
  ) async throws {
    var configuration = EtcdConfiguration(
      endpoints: endpoints.split(separator: ",").compactMap {
        EtcdConfiguration.Endpoint(String($0))
      })
    configuration.credentials = credentials.map { (name: $0.0, password: $0.1) }
    configuration.tls = tls
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let client = EtcdClient(configuration: configuration, logger: logger)
    do {
      try await body(client)
    } catch {
      try await client.shutDown()
      throw error
    }
    try await client.shutDown()
  }

  private func put(
    _ client: EtcdClient, _ key: String, _ value: String, ifChangedAt revision: Int64
  ) async throws -> EtcdTransactionResult {
    let key = Array(key.utf8)
    return try await client.transact(
      if: [.changed(key: key, revision: revision)],
      then: [.put(key: key, value: Array(value.utf8))], else: [.read(key: key)],
      timeout: .seconds(10)
    ).get()
  }

  /// As ``put``, where an attempt may have been carried out and not answered.
  private func putUntilDone(
    _ client: EtcdClient, _ key: String, _ value: String, ifChangedAt revision: Int64
  ) async throws -> EtcdTransactionResult {
    var result = try await put(client, key, value, ifChangedAt: revision)
    if !result.succeeded, let found = result.reads.first?.first {
      #expect(found.value == Array(value.utf8))
      result.revision = found.modRevision
    }
    return result
  }
}

/// What a watch told.
private final class Events: Sendable {
  private let events = Mutex<[EtcdWatchEvent]>([])

  var now: [EtcdWatchEvent] { events.withLock { $0 } }

  var values: [String] {
    now.compactMap { event in
      guard case .put(let pair) = event else { return nil }
      return String(decoding: pair.value, as: UTF8.self)
    }
  }

  var isOver: Bool {
    guard case .ended? = now.last else { return false }
    return true
  }

  func add(_ event: EtcdWatchEvent) { events.withLock { $0.append(event) } }
}
