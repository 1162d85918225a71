import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("Both stores: copies against each other")
struct CopyModelTests {
  @Test(
    "random batches, moves, gaps and restarts: all copies end with the same content",
    arguments: StoreKind.allCases)
  func randomHistory(kind: StoreKind) async throws {
    var history = try await CopyHistory(kind, seed: testSeed("copies \(kind)"))
    for _ in 0..<150 { try await history.step() }
    try await history.compareAll()
  }
}

/// Three stores with a copy of one shard each, one of them as primary, driven at random.
private struct CopyHistory {
  private let own: ShardID
  private let clock = ManualClock(10_000)
  private let homes: [StoreHome]
  private var stores: [any ShardVerifying] = []
  private var random: SeededGenerator
  private var primary = 0
  private var epoch: UInt64 = 1
  /// The last sequence of each entity as the primary has it.
  private var sequences: [String: Int64] = [:]
  /// When an idempotency key was used last.
  private var usedKeys: [String: Timestamp] = [:]

  init(_ kind: StoreKind, seed: UInt64) async throws {
    own = try shard(3)
    random = SeededGenerator(seed: seed)
    // The primary of one copy may be of the other kind: what travels is the same.
    let other: StoreKind = kind == .inMemory ? .rocksDB : .inMemory
    homes = [try StoreHome(kind), try StoreHome(kind), try StoreHome(other)]
    for home in homes { stores.append(try home.open(configuration)) }
    _ = try await stores[primary].open(own, epoch: epoch)
  }

  private var configuration: ShardStoreConfiguration {
    var configuration = ShardStoreConfiguration()
    configuration.idempotencyRetention = .milliseconds(800)
    configuration.now = { [clock] in clock.now }
    return configuration
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &random)
  }

  /// One of the copies that follow.
  private mutating func follower() -> Int { (primary + number(1...2)) % 3 }

  mutating func step() async throws {
    switch number(0...11) {
    case 0...3: try await commit()
    case 4...6: try await catchUp(follower())
    case 7: try await sendGap(to: follower())
    case 8: try await sendStale(to: follower())
    case 9: try await startOver(follower())
    case 10: try await restart(number(0...2))
    default: try await promote(follower())
    }
    clock.set(clock.now.unixMilliseconds + Int64(number(0...60)))
  }

  // MARK: Steps

  /// Some batches, and perhaps the same as deltas to a copy that has all before.
  private mutating func commit() async throws {
    let target = follower()
    for _ in 0..<number(1...6) {
      let before = try stores[primary].end(of: own)
      let batch = randomBatch()
      let outcome = try await stores[primary].commit(batch)
      let delta = ShardDelta(of: batch, at: try outcome.result.get(), time: outcome.time)
      guard try stores[target].end(of: own) == before else { continue }
      let append = CopyAppend(
        shard: own, epoch: Epoch(epoch), after: before.position, afterEpoch: before.epoch,
        deltas: [try ShardDelta.open(delta.sealed(in: own), in: own)])
      #expect(try await stores[target].append(append) == .appended(delta.position))
    }
  }

  private mutating func randomBatch() -> ShardBatch {
    let isValue = Bool.random(using: &random)
    let id = "\(isValue ? "value" : "entity")-\(number(0...3))"
    let first = (sequences[id] ?? 0) + 1
    let events = (0..<number(isValue ? 1...1 : 0...3)).map { _ in
      payload(String(UInt64.random(in: 0...(.max), using: &random), radix: 36))
    }
    sequences[id] = first - 1 + Int64(events.count)
    let snapshot = isValue ? events.last : number(0...3) == 0 ? payload("state \(first)") : nil
    let key = "key-\(number(0...9))"
    let last = usedKeys[key].map { $0.unixMilliseconds + 800 } ?? .min
    let isKept = number(0...1) == 0 && last <= clock.now.unixMilliseconds
    if isKept { usedKeys[key] = clock.now }
    return ShardBatch(
      shard: own, epoch: Epoch(epoch), entity: entity(id), time: clock.now,
      firstSequence: SequenceNumber(first), events: events, snapshot: snapshot,
      idempotency: isKept
        ? IdempotencyRecord(key: key, commandFingerprint: UInt64(first), answer: [1, 2, 3]) : nil)
  }

  private mutating func catchUp(_ copy: Int) async throws {
    try await stores[primary].bring(
      stores[copy], upToDateIn: own, epoch: epoch, byteLimit: number(0...2000))
  }

  private mutating func startOver(_ copy: Int) async throws {
    if Bool.random(using: &random) {
      try await stores[copy].drop(own, epoch: epoch)
      #expect(try stores[copy].end(of: own) == .empty)
    } else {
      let append = CopyAppend(
        shard: own, epoch: Epoch(epoch), after: .start, afterEpoch: .none,
        deltas: try stores[primary].deltas(
          of: own, after: .start, byteLimit: number(0...3000)), startsOver: true)
      let last = append.deltas.last?.position ?? .start
      #expect(try await stores[copy].append(append) == .appended(last))
    }
  }

  /// Deltas that begin too late, or too early.
  private mutating func sendGap(to copy: Int) async throws {
    let (deltas, end) = (
      try stores[primary].allDeltas(of: own), try stores[copy].end(of: own)
    )
    guard deltas.count > 1 else { return }
    let start = number(1...deltas.count - 1)
    let after = deltas[start - 1]
    guard end != ShardEnd(position: after.position, epoch: after.epoch, time: after.time) else {
      return
    }
    let append = CopyAppend(
      shard: own, epoch: Epoch(epoch), after: after.position, afterEpoch: after.epoch,
      deltas: Array(deltas[start...]))
    #expect(try await stores[copy].append(append) == .mismatch(end))
    #expect(try stores[copy].end(of: own) == end)
  }

  private mutating func sendStale(to copy: Int) async throws {
    let end = try stores[copy].end(of: own)
    let alive = CopyAppend(
      shard: own, epoch: Epoch(epoch), after: end.position, afterEpoch: end.epoch, deltas: [])
    #expect(try await stores[copy].append(alive) == .appended(end.position))
    let stale = CopyAppend(
      shard: own, epoch: Epoch(epoch - 1), after: .start, afterEpoch: .none, deltas: [],
      startsOver: true)
    #expect(try await stores[copy].append(stale) == .higherEpoch(Epoch(epoch)))
    #expect(try stores[copy].end(of: own) == end)
  }

  private mutating func restart(_ index: Int) async throws {
    let before = (try stores[index].end(of: own), try stores[index].verify(own))
    stores[index].close()
    stores[index] = try homes[index].open(configuration)
    #expect(try stores[index].end(of: own) == before.0)
    #expect(try stores[index].verify(own) == before.1)
    if index == primary { _ = try await stores[index].open(own, epoch: epoch) }
  }

  /// Makes a copy the primary, as far as it has come: what only others have is lost, and has to be replaced
  /// there.
  private mutating func promote(_ copy: Int) async throws {
    epoch += UInt64(number(1...3))
    let end = try stores[copy].end(of: own)
    #expect(try await stores[copy].open(own, epoch: epoch) == end)
    let replaced = primary
    primary = copy
    sequences = [:]
    for delta in try stores[copy].allDeltas(of: own) where !delta.events.isEmpty {
      sequences[delta.entity.entityID] =
        delta.firstSequence.number - 1 + Int64(delta.events.count)
    }
    try await stores[copy].bring(stores[replaced], upToDateIn: own, epoch: epoch)
    let late = batch(own, epoch: epoch - 1, entity: "late", events: ["?"])
    let failure = try await stores[replaced].commit(late).failure
    #expect(failure == .staleEpoch || failure == .shardNotOpen)
  }

  // MARK: Comparing

  mutating func compareAll() async throws {
    for copy in 0..<3 where copy != primary { try await catchUp(copy) }
    let digest = try stores[primary].verify(own)
    #expect(digest.end == (try stores[primary].end(of: own)))
    let stream = try stores[primary].stream(of: own, after: .start, byteLimit: .max)
    for store in stores {
      #expect(try store.verify(own) == digest)
      #expect(try store.stream(of: own, after: .start, byteLimit: .max) == stream)
      for key in usedKeys.keys {
        for id in sequences.keys {
          #expect(
            try store.idempotencyRecord(key, of: entity(id), in: own)
              == stores[primary].idempotencyRecord(key, of: entity(id), in: own))
        }
      }
      for (id, last) in sequences {
        let snapshot = try store.snapshot(of: entity(id), in: own)
        let newest = try store.events(
          of: entity(id), in: own, after: SequenceNumber(last - 1), byteLimit: .max
        ).last
        if id.hasPrefix("value") {
          #expect(snapshot?.payload == newest?.payload && snapshot?.sequence.number == last)
        } else if let snapshot {
          #expect(snapshot.sequence.number <= last)
        }
      }
    }
    for store in stores { store.close() }
  }
}
