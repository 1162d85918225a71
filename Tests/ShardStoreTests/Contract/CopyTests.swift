import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("Both stores: copies of shards")
struct CopyTests {
  private let own: ShardID
  private let consumer = ConsumerID(serviceName: "s", group: "g", eventLog: "l")
  private let record = IdempotencyRecord(key: "k", commandFingerprint: 7, answer: [1, 2])

  init() throws { own = try shard(0) }

  /// A clock by which nothing of the tests has expired.
  private var configuration: ShardStoreConfiguration {
    var configuration = ShardStoreConfiguration()
    configuration.now = { time(2000) }
    return configuration
  }

  @Test("a copy holds exactly what its primary wrote", arguments: StoreKind.allCases)
  func exactCopy(kind: StoreKind) async throws {
    let (source, target) = (try StoreHome(kind), try StoreHome(kind))
    let primary = try source.open(configuration)
    let copy = try target.open(configuration)
    defer {
      primary.close()
      copy.close()
    }
    #expect(try await primary.open(own, epoch: 3) == .empty)
    let batches = [
      batch(own, epoch: 3, at: 900, events: ["x", "y"], snapshot: "xy"),
      batch(own, epoch: 3, entity: "v", at: 800, events: ["value"], snapshot: "value"),
      batch(own, epoch: 3, at: 950, from: 0, idempotency: record),
      batch(own, epoch: 3, entity: "v", at: 990, from: 2, events: ["next"], snapshot: "next"),
    ]
    var deltas: [ShardDelta] = []
    for batch in batches {
      let outcome = try await primary.commit(batch)
      deltas.append(
        ShardDelta(of: batch, at: try outcome.result.get(), time: outcome.time))
    }
    #expect(deltas.map(\.time) == [900, 900, 950, 990].map(time))
    #expect(try primary.allDeltas(of: own) == deltas)
    #expect(try primary.deltas(of: own, after: Position(1), byteLimit: 1) == [deltas[1]])
    #expect(try primary.deltas(of: own, after: Position(4), byteLimit: 1).isEmpty)
    #expect(try primary.deltas(of: own, after: Position(.max), byteLimit: 1).isEmpty)

    let outcome = try await copy.append(append(own, epoch: 3, afterEpoch: 0, deltas))
    #expect(outcome == .appended(Position(4)))
    #expect(try copy.end(of: own) == end(4, epoch: 3, at: 990))
    #expect(try copy.allDeltas(of: own) == deltas)
    #expect(try copy.lastPosition(of: own) == Position(4))
    #expect(
      try copy.stream(of: own, after: .start, byteLimit: .max)
        == primary.stream(of: own, after: .start, byteLimit: .max))
    for id in ["a", "v"] {
      #expect(
        try copy.snapshot(of: entity(id), in: own) == primary.snapshot(of: entity(id), in: own))
    }
    #expect(try copy.idempotencyRecord("k", of: entity("a"), in: own) == record.at(3))
    #expect(try copy.verify(own) == primary.verify(own))
    #expect(try copy.verify(own).events == 4)
  }

  @Test(
    "a snapshot that was replaced is left out, that of a value never", arguments: StoreKind.allCases
  )
  func replacedSnapshots(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open(configuration)
    defer { store.close() }
    _ = try await store.open(own, epoch: 1)
    let batches = [
      batch(own, events: ["x"], snapshot: "state"),
      batch(own, entity: "v", events: ["one"], snapshot: "one"),
      batch(own, from: 2, events: ["y"], snapshot: "newer"),
      batch(own, entity: "v", from: 2, events: ["two"], snapshot: "two"),
      batch(own, from: 3, events: ["z"]),
    ]
    for batch in batches { try await store.commit(batch) }
    let snapshots = try store.allDeltas(of: own).map(\.snapshot)
    #expect(snapshots == [nil, "one", "newer", "two", nil].map { $0.map(payload) })
  }

  @Test(
    "a copy that ends elsewhere answers where, and keeps what it has", arguments: StoreKind.allCases
  )
  func mismatch(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let store = try home.open()
    let first = [delta(1, events: ["x"]), delta(2, from: 2, events: ["y"])]
    #expect(
      try await store.append(append(own, epoch: 1, afterEpoch: 0, first)) == .appended(Position(2)))
    let here = end(2, epoch: 1)
    for (after, epoch) in [(UInt64(1), UInt64(1)), (3, 1), (0, 0), (2, 2), (2, 0), (.max, 1)] {
      let outcome = try await store.append(
        CopyAppend(
          shard: own, epoch: Epoch(4), after: Position(after), afterEpoch: Epoch(epoch), deltas: [],
          consumers: [consumer: ConsumerPosition(batches: Position(1))]))
      #expect(outcome == .mismatch(here))
    }
    // A gap behind the right place never gets that far.
    let gap = CopyAppend(
      shard: own, epoch: Epoch(4), after: Position(2), afterEpoch: Epoch(1),
      deltas: [delta(4, epoch: 4, from: 3, events: ["z"])])
    #expect(try await storeFailure { _ = try await store.append(gap) }.code == .outOfSequence)
    #expect(try store.consumerPositions(of: own).isEmpty)
    #expect(try store.allDeltas(of: own) == first)
    store.close()
    // But the epoch was seen, and stays.
    let next = try home.open()
    defer { next.close() }
    #expect(try await storeFailure { _ = try await next.open(own, epoch: 3) }.code == .staleEpoch)
    #expect(try next.end(of: own) == here)
  }

  @Test("starting over replaces everything in one step", arguments: StoreKind.allCases)
  func startingOver(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let store = try home.open(configuration)
    let old = [
      delta(1, events: ["x", "y"], snapshot: "old", idempotency: record),
      delta(2, entity: "b", events: ["z"]),
    ]
    let position = ConsumerPosition(batches: Position(2))
    _ = try await store.append(
      append(own, epoch: 1, afterEpoch: 0, old, consumers: [consumer: position]))
    #expect(try store.consumerPositions(of: own) == [consumer: position])
    // Entity "a" begins anew although the copy on disk has events of it until this is written.
    let new = [
      delta(1, epoch: 2, at: 500, events: ["p"]), delta(2, epoch: 2, from: 2, events: ["q"]),
    ]
    var over = append(own, epoch: 2, afterEpoch: 0, new)
    over.startsOver = true
    #expect(try await store.append(over) == .appended(Position(2)))
    #expect(try store.epoch(of: own, at: Position(1)) == Epoch(2))
    store.close()
    let next = try home.open(configuration)
    defer { next.close() }
    #expect(try next.allDeltas(of: own) == new)
    #expect(try next.snapshot(of: entity("a"), in: own) == nil)
    #expect(try next.events(of: entity("b"), in: own, after: .none, byteLimit: 9).isEmpty)
    #expect(try next.idempotencyRecord("k", of: entity("a"), in: own) == nil)
    #expect(try next.consumerPositions(of: own).isEmpty)
    #expect(try next.verify(own).events == 2)
    over.after = Position(1)
    #expect(try await storeFailure { _ = try await next.append(over) }.code == .outOfSequence)
  }

  @Test("a dropped copy is gone, with all that is remembered of it", arguments: StoreKind.allCases)
  func dropping(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let store = try home.open(configuration)
    let neighbour = try shard(1)
    _ = try await store.open(own, epoch: 2)
    _ = try await store.open(neighbour, epoch: 2)
    try await store.commit(batch(own, epoch: 2, events: ["x"], snapshot: "s", idempotency: record))
    try await store.commit(batch(neighbour, epoch: 2, events: ["x"]))
    try store.setPosition(ConsumerPosition(batches: Position(1)), of: consumer, in: own)
    #expect(try await storeFailure { try await store.drop(own, epoch: 1) }.code == .staleEpoch)
    try await store.drop(own, epoch: 5)
    #expect(try store.end(of: own) == .empty)
    #expect(
      try await store.commit(batch(own, epoch: 2, from: 2, events: ["y"])).failure == .staleEpoch)
    #expect(
      try await store.commit(batch(own, epoch: 5, from: 2, events: ["y"])).failure == .shardNotOpen)
    // A consumer that has not heard of it.
    let late = try await storeFailure {
      try store.setPosition(ConsumerPosition(batches: Position(1)), of: consumer, in: own)
    }
    #expect(late.code == .shardNotOpen)
    for _ in 0..<2 { try await store.drop(own, epoch: 5) }
    store.close()
    let next = try home.open(configuration)
    defer { next.close() }
    #expect(try next.end(of: own) == .empty)
    #expect(try next.consumerPositions(of: own).isEmpty)
    #expect(try next.idempotencyRecord("k", of: entity("a"), in: own) == nil)
    #expect(try next.verify(own).batches == 0)
    #expect(try next.verify(neighbour).events == 1)
    #expect(try await storeFailure { _ = try await next.open(own, epoch: 4) }.code == .staleEpoch)
    #expect(try await next.open(own, epoch: 5) == .empty)
    #expect(try await next.commit(batch(own, epoch: 5, events: ["new"])).position == Position(1))
  }

  @Test("what is remembered of sequences goes with the copy", arguments: StoreKind.allCases)
  func sequencesAfterDrop(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    _ = try await store.open(own, epoch: 1)
    try await store.commit(batch(own, events: ["x", "y"]))
    try await store.drop(own, epoch: 1)
    _ = try await store.open(own, epoch: 1)
    #expect(try await store.commit(batch(own, from: 3, events: ["z"])).failure == .outOfSequence)
    #expect(try await store.commit(batch(own, events: ["x"])).failure == nil)
    let deltas = [delta(2, epoch: 2, from: 2, events: ["y", "z"])]
    #expect(
      try await store.append(append(own, epoch: 2, afterEpoch: 1, deltas)) == .appended(Position(2))
    )
    _ = try await store.open(own, epoch: 3)
    #expect(
      try await store.commit(batch(own, epoch: 3, from: 2, events: ["?"])).failure == .outOfSequence
    )
    #expect(try await store.commit(batch(own, epoch: 3, from: 4, events: ["w"])).failure == nil)
    #expect(try store.verify(own).events == 4)
  }

  @Test("positions of consumers come as they are, also back", arguments: StoreKind.allCases)
  func consumers(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let other = ConsumerID(serviceName: "s", group: "h", eventLog: "l")
    let far = ConsumerPosition(batches: Position(9), events: 2)
    var append = append(
      own, epoch: 1, afterEpoch: 0, [delta(1, events: ["x"])],
      consumers: [consumer: far, other: far])
    _ = try await store.append(append)
    append.after = Position(1)
    append.afterEpoch = Epoch(1)
    append.deltas = []
    append.consumers = [consumer: .start]
    #expect(try await store.append(append) == .appended(Position(1)))
    #expect(try store.consumerPositions(of: own) == [consumer: .start, other: far])
    #expect(try store.position(of: other, in: own) == far)
  }

  @Test("the epoch of a position", arguments: StoreKind.allCases)
  func epochOfPosition(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let store = try home.open()
    #expect(try store.epoch(of: own, at: .start) == Epoch.none)
    #expect(try store.epoch(of: own, at: Position(1)) == nil)
    let deltas = [delta(1, epoch: 2, events: ["x"]), delta(2, epoch: 5, from: 2, events: ["y"])]
    _ = try await store.append(append(own, epoch: 7, afterEpoch: 0, deltas))
    store.close()
    let next = try home.open()
    defer { next.close() }
    let epochs = try (0...3).map { try next.epoch(of: own, at: Position($0)) }
    #expect(epochs == [Epoch.none, Epoch(2), Epoch(5), nil])
    #expect(try next.end(of: own) == end(2, epoch: 5))
  }
}
