import CloudstateModel
import ShardStore
import Testing

@Suite("Both stores: writing and reading back")
struct ReadWriteTests {
  @Test("events, snapshot and stream of a batch are there together", arguments: StoreKind.allCases)
  func oneBatch(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let own = try shard(0)
    #expect(try store.openShard(own, epoch: Epoch(1)) == .start)
    let outcome = try await store.commit(
      batch(own, at: 5, events: ["x", "y"], snapshot: "xy"))
    #expect(outcome.position == Position(1))
    let stored = [
      StoredEvent(sequence: SequenceNumber(1), time: time(5), payload: payload("x")),
      StoredEvent(sequence: SequenceNumber(2), time: time(5), payload: payload("y")),
    ]
    #expect(
      try store.events(of: entity("a"), in: own, after: .none, byteLimit: .max) == stored)
    #expect(
      try store.snapshot(of: entity("a"), in: own)
        == StoredSnapshot(sequence: SequenceNumber(2), payload: payload("xy")))
    #expect(
      try store.stream(of: own, after: .start, byteLimit: .max) == [
        StreamBatch(
          position: Position(1), epoch: Epoch(1), time: time(5), entity: entity("a"),
          events: stored)
      ])
    #expect(try store.lastPosition(of: own) == Position(1))
  }

  @Test("what was never written is absent", arguments: StoreKind.allCases)
  func absence(kind: StoreKind) throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let own = try shard(0)
    #expect(try store.lastPosition(of: own) == .start)
    #expect(try store.snapshot(of: entity("a"), in: own) == nil)
    #expect(try store.events(of: entity("a"), in: own, after: .none, byteLimit: 9).isEmpty)
    #expect(try store.stream(of: own, after: .start, byteLimit: 9).isEmpty)
    #expect(try store.stream(of: own, after: Position(8), byteLimit: 9).isEmpty)
    #expect(try store.firstPosition(of: own, since: time(0)) == Position(1))
    #expect(try store.idempotencyRecord("k", of: entity("a"), in: own) == nil)
    #expect(try store.metadata("plan") == nil)
    #expect(
      try store.position(
        of: ConsumerID(serviceName: "s", group: "g", eventLog: "l"), in: own) == .start)
  }

  @Test("consumers keep a position of their own in each shard", arguments: StoreKind.allCases)
  func consumers(kind: StoreKind) throws {
    let home = try StoreHome(kind)
    var expected: [ShardID: [ConsumerID: ConsumerPosition]] = [:]
    for round in 0..<2 {
      let store = try home.open()
      defer { store.close() }
      for index in 0..<UInt32(2) {
        let own = try shard(index)
        try store.openShard(own, epoch: Epoch(1))
        for (offset, names) in ["abc", "acb", "bac", "aab"].map(Array.init).enumerated() {
          let consumer = ConsumerID(
            serviceName: String(names[0]), group: String(names[1]), eventLog: String(names[2]))
          let known = expected[own]?[consumer] ?? .start
          #expect(try store.position(of: consumer, in: own) == known, "after \(round) restarts")
          let position = ConsumerPosition(
            batches: Position(UInt64(round * 100 + offset)), events: index)
          try store.setPosition(position, of: consumer, in: own)
          #expect(try store.position(of: consumer, in: own) == position)
          expected[own, default: [:]][consumer] = position
        }
      }
    }
  }

  @Test("entities and shards with similar names do not mix", arguments: StoreKind.allCases)
  func neighbours(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let shards = try [shard(0, of: "a"), shard(0, of: "ab"), shard(1, of: "a")]
    let ids = ["a", "a\0", "ab", "\u{e9}", "e\u{301}"]
    for shard in shards {
      try store.openShard(shard, epoch: Epoch(1))
      for id in ids {
        let event = "\(shard) \(Array(id.utf8))"
        #expect(try await store.commit(batch(shard, entity: id, events: [event])).failure == nil)
      }
    }
    for shard in shards {
      #expect(try store.lastPosition(of: shard) == Position(UInt64(ids.count)))
      for id in ids {
        let events = try store.events(of: entity(id), in: shard, after: .none, byteLimit: .max)
        #expect(events.map(\.payload) == [payload("\(shard) \(Array(id.utf8))")])
      }
    }
  }

  @Test("reads stop at the byte limit but bring at least one", arguments: StoreKind.allCases)
  func byteLimit(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    let large = String(repeating: "x", count: 1000)
    for first in [1, 3, 5] {
      try await store.commit(batch(own, from: Int64(first), events: [large, large]))
    }
    let one = try store.events(of: entity("a"), in: own, after: .none, byteLimit: 0)
    #expect(one.map(\.sequence.number) == [1])
    let two = try store.events(
      of: entity("a"), in: own, after: SequenceNumber(3), byteLimit: 2500)
    #expect(two.map(\.sequence.number) == [4, 5])
    let first = try store.stream(of: own, after: Position(1), byteLimit: 0)
    #expect(first.map(\.position.number) == [2])
    #expect(first.flatMap(\.events).map(\.sequence.number) == [3, 4])
    let rest = try store.stream(of: own, after: Position(1), byteLimit: 5000)
    #expect(rest.map(\.position.number) == [2, 3])
  }

  @Test("a batch without events takes a position", arguments: StoreKind.allCases)
  func emptyBatch(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    let record = IdempotencyRecord(key: "k", commandFingerprint: 7, answer: [1, 2])
    let kept = batch(
      own, at: ShardStoreConfiguration.systemTime().unixMilliseconds, from: 0, snapshot: "ignored",
      idempotency: record)
    #expect(try await store.commit(kept).position == Position(1))
    let stream = try store.stream(of: own, after: .start, byteLimit: .max)
    #expect(stream.map(\.position) == [Position(1)])
    #expect(stream.first?.entity == entity("a"))
    #expect(stream.first?.events == [])
    #expect(try store.snapshot(of: entity("a"), in: own) == nil)
    #expect(try store.idempotencyRecord("k", of: entity("a"), in: own) == record.at(1))
    #expect(try store.idempotencyRecord("k", of: entity("b"), in: own) == nil)
    #expect(try store.idempotencyRecord("k", of: entity("a"), in: shard(1)) == nil)
  }

  @Test("times never go back, so positions are found by time", arguments: StoreKind.allCases)
  func byTime(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    for (index, at) in [10, 20, 15, 20, 30].enumerated() {
      try await store.commit(batch(own, at: Int64(at), from: Int64(index + 1), events: ["e"]))
    }
    let times = try store.stream(of: own, after: .start, byteLimit: .max).map(\.time)
    #expect(times == [10, 20, 20, 20, 30].map(time))
    for (since, position) in [(0, 1), (10, 1), (11, 2), (20, 2), (21, 5), (30, 5), (31, 6)] {
      #expect(
        try store.firstPosition(of: own, since: time(Int64(since))).number == UInt64(position))
    }
  }

  @Test("everything is still there after a restart", arguments: StoreKind.allCases)
  func restart(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let own = try shard(3)
    let now = ShardStoreConfiguration.systemTime().unixMilliseconds
    let record = IdempotencyRecord(key: "k", commandFingerprint: 1, answer: [])
    let first = try home.open()
    try first.openShard(own, epoch: Epoch(2))
    try await first.commit(
      batch(own, epoch: 2, at: now, events: ["x"], snapshot: "s", idempotency: record))
    try first.setMetadata("plan", to: [1, 2, 3])
    first.close()

    let second = try home.open()
    defer { second.close() }
    #expect(try second.lastPosition(of: own) == Position(1))
    #expect(throws: StoreError.self) { try second.openShard(own, epoch: Epoch(1)) }
    #expect(try second.openShard(own, epoch: Epoch(2)) == Position(1))
    #expect(try second.snapshot(of: entity("a"), in: own)?.payload == payload("s"))
    #expect(try second.idempotencyRecord("k", of: entity("a"), in: own) == record.at(1))
    #expect(try second.metadata("plan") == [1, 2, 3])
    let next = try await second.commit(batch(own, epoch: 2, at: 0, from: 2, events: ["y"]))
    #expect(next.position == Position(2))
    let stream = try second.stream(of: own, after: .start, byteLimit: .max)
    #expect(stream.map(\.time) == [time(now), time(now)])
    #expect(stream.flatMap(\.events).map(\.payload) == [payload("x"), payload("y")])
  }
}
