package import CloudstateModel

/// Checks copies as a whole: to find damage before it is met (scrubbing), and to show that a backup or another
/// node's copy holds the same.
package protocol ShardVerifying: ShardCopies {
  /// Reads every record of this node's copy of a shard, as it is at one moment, and checks that each is
  /// readable and that they agree with each other (invariants 1 to 5 of `Formats.swift`). Takes as long as
  /// reading the shard takes, and stops nothing by itself.
  ///
  /// - Throws: ``StoreError`` with `.corruptRecord` and the name of what cannot be trusted.
  func verify(_ shard: ShardID) throws(StoreError) -> ShardDigest

  /// Likewise, at the pace of the caller: `pace` is called with the size of each record that was read, and may block
  /// or end the reading by throwing. What is replaced meanwhile stays on the disk until the end.
  func verify(
    _ shard: ShardID, pace: (_ bytes: Int) throws(StoreError) -> Void
  ) throws(StoreError) -> ShardDigest

  /// Rises whenever this node's copy of the shard is deleted or made anew.
  func generation(of shard: ShardID) -> UInt64

  /// Stops the shard because of damage that was found, as a read that meets it would, unless the copy was made anew
  /// since it had this generation.
  func markDamaged(_ shard: ShardID, generation: UInt64, _ error: StoreError)
}

extension ShardVerifying {
  package func verify(_ shard: ShardID) throws(StoreError) -> ShardDigest {
    try verify(shard) { (_) throws(StoreError) in }
  }
}

/// What a copy of a shard holds. Equal for copies with the same batches, wherever and in whatever order of
/// syncs, batches and restarts they were written, as long as they are asked at about the same time: idempotency
/// records count until they expire. Snapshots are checked but not part of it, because a copy that was made later
/// lacks those that had been replaced, and positions of consumers are no content.
package struct ShardDigest: Hashable, Sendable {
  package var end: ShardEnd
  package var batches: UInt64
  package var events: UInt64
  /// Entities with events.
  package var entities: UInt64
  /// Idempotency records that are not expired.
  package var answers: UInt64
  /// Over all of them, independent of their order.
  package var content: UInt64

  package init(
    end: ShardEnd, batches: UInt64, events: UInt64, entities: UInt64, answers: UInt64,
    content: UInt64
  ) {
    self.end = end
    self.batches = batches
    self.events = events
    self.entities = entities
    self.answers = answers
    self.content = content
  }
}

/// Gathers a ``ShardDigest`` from the records of a shard and checks them against each other. Streams in the
/// order of their keys come first, then journals, then answers.
struct ShardVerifier {
  private let shard: ShardID
  private var digest = ShardDigest(
    end: .empty, batches: 0, events: 0, entities: 0, answers: 0, content: 0)
  /// Sums over the events that stream records point to, and over those of the journal: each event once in both,
  /// or they differ.
  private var pointedAt = EventSum()
  private var held = EventSum()
  /// The stored key of the entity whose events come, and the last of them.
  private var entity: [UInt8] = []
  private var lastSequence = SequenceNumber.none
  /// Reused for every record.
  private var fields: [UInt8] = []

  init(_ shard: ShardID) { self.shard = shard }

  private struct EventSum: Equatable {
    var count: UInt64 = 0
    var sum: UInt64 = 0

    mutating func add(_ entity: FNV1a, _ sequence: SequenceNumber, _ time: Timestamp) {
      var hash = entity
      hash.mix(UInt64(bitPattern: sequence.number))
      hash.mix(UInt64(bitPattern: time.unixMilliseconds))
      count &+= 1
      sum &+= hash.spread
    }
  }

  /// The record of the position after the last one's.
  mutating func add(_ record: StreamRecord, at position: Position) throws(StoreError) {
    let key = StoreKey.stream(shard, position)
    guard position == digest.end.position.next else {
      throw StoreError(
        disagreeing: key.name, "position \(digest.end.position.next) is missing before it")
    }
    guard record.epoch >= digest.end.epoch, record.time >= digest.end.time else {
      throw StoreError(disagreeing: key.name, "its epoch or time is before its predecessor's")
    }
    let first = record.firstSequence
    let isLegal =
      record.eventCount == 0
      ? first == .none
      : first > .none
        && !first.number.addingReportingOverflow(Int64(record.eventCount)).overflow
    guard isLegal else {
      throw StoreError(disagreeing: key.name, "it points to events that cannot be")
    }
    digest.end = ShardEnd(position: position, epoch: record.epoch, time: record.time)
    digest.batches += 1
    let hash = FNV1a(of: StoreKey.snapshot(shard, record.entity).bytes)
    for offset in 0..<Int(record.eventCount) {
      pointedAt.add(hash, first.advanced(by: offset), record.time)
    }
    addContent(kind: 1, key) { record.encodePlace(into: &$0) }
  }

  /// An event, in the order of keys.
  mutating func add(
    _ record: JournalRecord, of entity: EntityKey, _ sequence: SequenceNumber
  ) throws(StoreError) {
    let key = StoreKey.journal(shard, entity, sequence)
    let entityKey = StoreKey.snapshot(shard, entity).bytes
    if entityKey != self.entity {
      self.entity = entityKey
      lastSequence = .none
      digest.entities += 1
    }
    guard sequence == lastSequence.next else {
      throw StoreError(disagreeing: key.name, "event \(lastSequence.next) is missing before it")
    }
    lastSequence = sequence
    digest.events += 1
    held.add(FNV1a(of: entityKey), sequence, record.time)
    addContent(kind: 2, key) { record.encodeFields(into: &$0) }
  }

  /// A kept answer and the record of the position it states.
  mutating func add(
    _ answer: KeptAnswer, under name: String, of entity: EntityKey, isExpired: Bool,
    from record: StreamRecord?
  ) throws(StoreError) {
    let key = StoreKey.idempotency(shard, entity, key: name)
    guard let record, record.entity == entity, record.time == answer.time else {
      throw StoreError(
        disagreeing: key.name, "position \(answer.position) of the stream is not its batch")
    }
    if let extras = record.extras {
      guard extras.idempotencyKey?.utf8.elementsEqual(name.utf8) == true else {
        throw StoreError(
          disagreeing: key.name, "its batch at position \(answer.position) held none of that name")
      }
    }
    guard !isExpired else { return }
    digest.answers += 1
    addContent(kind: 3, key) { answer.encodeFields(into: &$0) }
  }

  /// Whether the stream points to exactly the events of the journal.
  var eventsAgree: Bool { pointedAt == held }

  /// The digest of what was added.
  func finish(epoch: Epoch) throws(StoreError) -> ShardDigest {
    guard epoch >= digest.end.epoch else {
      throw StoreError(
        disagreeing: StoreKey.epoch(shard).name,
        "it is \(epoch), and the last batch has \(digest.end.epoch)")
    }
    guard eventsAgree else {
      throw StoreError(
        disagreeing: "the journal of shard \(shard)",
        "the stream points to \(pointedAt.count) events, and it holds \(held.count), or others")
    }
    return digest
  }

  private mutating func addContent(
    kind: UInt8, _ key: StoreKey, _ encode: (inout [UInt8]) -> Void
  ) {
    fields.removeAll(keepingCapacity: true)
    encode(&fields)
    var hash = FNV1a()
    hash.mix(kind)
    hash.mix(key.bytes)
    hash.mix(fields)
    digest.content &+= hash.spread
  }
}

extension FNV1a {
  fileprivate init(of bytes: [UInt8]) {
    self.init()
    mix(bytes)
  }

  /// The hash with every bit depending on all others (the finalizer of SplitMix64), so that sums of it keep
  /// apart what differs.
  fileprivate var spread: UInt64 {
    var bits = value
    bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits >> 31)
  }
}
