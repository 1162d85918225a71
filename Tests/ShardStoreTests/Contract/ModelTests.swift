import CloudstateModel
import ShardStore
import TestSupport
import Testing

/// What a store must answer, kept the plain way.
private struct Model {
  var streams: [ShardID: [StreamBatch]] = [:]
  var journals: [ShardID: [EntityKey: [StoredEvent]]] = [:]
  var snapshots: [ShardID: [EntityKey: StoredSnapshot]] = [:]

  mutating func apply(_ batch: ShardBatch) {
    let stream = streams[batch.shard] ?? []
    let time = max(batch.time, stream.last?.time ?? batch.time)
    let events = batch.events.enumerated().map { offset, payload in
      StoredEvent(
        sequence: batch.firstSequence.advanced(by: offset), time: time, payload: payload)
    }
    streams[batch.shard, default: []].append(
      StreamBatch(
        position: Position(UInt64(stream.count + 1)), epoch: batch.epoch, time: time,
        entity: batch.entity, events: events))
    journals[batch.shard, default: [:]][batch.entity, default: []] += events
    if let snapshot = batch.snapshot, let last = events.last {
      snapshots[batch.shard, default: [:]][batch.entity] = StoredSnapshot(
        sequence: last.sequence, payload: snapshot)
    }
  }
}

@Suite("Both stores against a model")
struct ModelTests {
  @Test(
    "random batches with restarts: stream, journal and snapshots agree",
    arguments: StoreKind.allCases)
  func randomBatches(kind: StoreKind) async throws {
    var random = SeededGenerator(seed: testSeed("store model \(kind)"))
    let home = try StoreHome(kind)
    let shards = try [shard(0), shard(1), shard(0, of: "cart2")]
    let entities = (0..<6).map { entity("entity-\($0)") }
    var model = Model()
    for epoch: UInt64 in 1...4 {
      let store = try home.open()
      for shard in shards { try store.openShard(shard, epoch: Epoch(epoch)) }
      let recorder = OutcomeRecorder()
      for token in 0..<150 {
        let batch = randomBatch(shards, entities, epoch: epoch, model, using: &random)
        model.apply(batch)
        store.submit(batch, token: UInt64(token), to: recorder)
      }
      let outcomes = try await recorder.wait(for: 150)
      #expect(outcomes.allSatisfy { $0.failure == nil })
      for shard in shards {
        try compare(store, model, shard, entities, using: &random)
      }
      store.close()
    }
  }

  private func randomBatch(
    _ shards: [ShardID], _ entities: [EntityKey], epoch: UInt64, _ model: Model,
    using random: inout SeededGenerator
  ) -> ShardBatch {
    let shard = shards[Int.random(in: 0..<shards.count, using: &random)]
    let entity = entities[Int.random(in: 0..<entities.count, using: &random)]
    let last = model.journals[shard]?[entity]?.count ?? 0
    let events = (0..<Int.random(in: 0...3, using: &random)).map { _ in
      payload(String(UInt64.random(in: 0...(.max), using: &random), radix: 36))
    }
    return ShardBatch(
      shard: shard, epoch: Epoch(epoch), entity: entity,
      time: Timestamp(unixMilliseconds: Int64.random(in: 0...1000, using: &random)),
      firstSequence: SequenceNumber(Int64(last + 1)), events: events,
      snapshot: Bool.random(using: &random) ? payload("state") : nil)
  }

  private func compare(
    _ store: any ShardStore, _ model: Model, _ shard: ShardID, _ entities: [EntityKey],
    using random: inout SeededGenerator
  ) throws {
    let stream = model.streams[shard] ?? []
    #expect(try store.lastPosition(of: shard).number == UInt64(stream.count))
    var read: [StreamBatch] = []
    while true {
      let limit = Int.random(in: 0...2000, using: &random)
      let part = try store.stream(
        of: shard, after: read.last?.position ?? .start, byteLimit: limit)
      if part.isEmpty { break }
      read += part
    }
    #expect(read == stream)
    for entity in entities {
      let journal = model.journals[shard]?[entity] ?? []
      let after = Int.random(in: 0...journal.count, using: &random)
      #expect(
        try store.events(
          of: entity, in: shard, after: SequenceNumber(Int64(after)), byteLimit: .max)
          == Array(journal.dropFirst(after)))
      #expect(try store.snapshot(of: entity, in: shard) == model.snapshots[shard]?[entity])
    }
    let since = Timestamp(unixMilliseconds: Int64.random(in: 0...1001, using: &random))
    let first = stream.first { $0.time >= since }?.position.number ?? UInt64(stream.count + 1)
    #expect(try store.firstPosition(of: shard, since: since).number == first)
  }
}
