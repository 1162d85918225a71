package import CloudstateModel

/// The key of one stored record; see `Formats.swift` for the layout.
package enum StoreKey: Hashable, Sendable {
  /// An event.
  case journal(ShardID, EntityKey, SequenceNumber)
  /// An entity's newest snapshot; without the sequence, also what an event's key begins with.
  case snapshot(ShardID, EntityKey)
  /// A committed batch.
  case stream(ShardID, Position)
  /// An answer kept under an idempotency key.
  case idempotency(ShardID, EntityKey, key: String)
  /// Leads from a time to the answers written about then.
  case idempotencyIndex(ShardID, bucketStart: Timestamp, EntityKey, key: String)
  /// How far a consumer has come.
  case consumer(ShardID, ConsumerID)
  /// This node's copy of a replicated entity (number 0), or a delta merged into it since.
  case replica(EntityKey, number: UInt64)
  /// The version of the whole database.
  case databaseVersion
  /// The highest epoch seen.
  case epoch(ShardID)
  /// A document of the node.
  case document(name: String)

  /// The family the record lives in.
  package var family: StoreFamily {
    switch self {
    case .journal: .journal
    case .snapshot: .snapshots
    case .stream: .stream
    case .idempotency, .idempotencyIndex: .idempotency
    case .consumer: .groups
    case .replica: .crdt
    case .databaseVersion, .epoch, .document: .meta
    }
  }

  /// The key's bytes.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(96)
    encode(into: &bytes)
    return bytes
  }

  /// Replaces the content of `bytes`, keeping its memory.
  package func encode(into bytes: inout [UInt8]) {
    bytes.removeAll(keepingCapacity: true)
    switch self {
    case .journal(let shard, let entity, let sequence):
      bytes.appendShard(shard)
      bytes.appendEntity(entity)
      bytes.appendNumber(UInt64(bitPattern: sequence.number))
    case .snapshot(let shard, let entity):
      bytes.appendShard(shard)
      bytes.appendEntity(entity)
    case .stream(let shard, let position):
      bytes.appendShard(shard)
      bytes.appendNumber(position.number)
    case .idempotency(let shard, let entity, let key):
      bytes.appendShard(shard)
      bytes.append(Tag.record)
      bytes.appendEntity(entity)
      bytes.appendEscaped(key)
    case .idempotencyIndex(let shard, let bucketStart, let entity, let key):
      bytes.appendShard(shard)
      bytes.append(Tag.index)
      bytes.appendSortedNumber(bucketStart.unixMilliseconds)
      bytes.appendEntity(entity)
      bytes.appendEscaped(key)
    case .consumer(let shard, let consumer):
      bytes.appendShard(shard)
      bytes.appendEscaped(consumer.serviceName)
      bytes.appendEscaped(consumer.group)
      bytes.appendEscaped(consumer.eventLog)
    case .replica(let entity, let number):
      bytes.appendReplica(entity)
      bytes.appendNumber(number)
    case .databaseVersion:
      bytes.append(Tag.version)
    case .epoch(let shard):
      bytes.append(Tag.epoch)
      bytes.appendShard(shard)
    case .document(let name):
      bytes.append(Tag.document)
      bytes.appendEscaped(name)
    }
  }

  /// Reads a key of a family back.
  package static func decode(
    _ bytes: Span<UInt8>, in family: StoreFamily
  ) throws(FormatError) -> StoreKey {
    var cursor = ByteCursor()
    let key = try decode(bytes, in: family, at: &cursor)
    try cursor.expectEnd(of: bytes)
    return key
  }

  private static func decode(
    _ bytes: Span<UInt8>, in family: StoreFamily, at cursor: inout ByteCursor
  ) throws(FormatError) -> StoreKey {
    switch family {
    case .journal:
      let shard = try cursor.shard(in: bytes)
      let entity = try cursor.entity(in: bytes)
      let sequence: UInt64 = try cursor.number(in: bytes)
      return .journal(shard, entity, SequenceNumber(Int64(bitPattern: sequence)))
    case .snapshots:
      return .snapshot(try cursor.shard(in: bytes), try cursor.entity(in: bytes))
    case .stream:
      let shard = try cursor.shard(in: bytes)
      return .stream(shard, Position(try cursor.number(in: bytes)))
    case .idempotency:
      let shard = try cursor.shard(in: bytes)
      switch try cursor.byte(in: bytes) {
      case Tag.record:
        let entity = try cursor.entity(in: bytes)
        return .idempotency(shard, entity, key: try cursor.escapedText(in: bytes))
      case Tag.index:
        let start = Timestamp(unixMilliseconds: try cursor.sortedNumber(in: bytes))
        let entity = try cursor.entity(in: bytes)
        let key = try cursor.escapedText(in: bytes)
        return .idempotencyIndex(shard, bucketStart: start, entity, key: key)
      default: throw .malformed("an unknown tag")
      }
    case .groups:
      let shard = try cursor.shard(in: bytes)
      let serviceName = try cursor.escapedText(in: bytes)
      let group = try cursor.escapedText(in: bytes)
      let eventLog = try cursor.escapedText(in: bytes)
      return .consumer(
        shard, ConsumerID(serviceName: serviceName, group: group, eventLog: eventLog))
    case .crdt:
      let bucket: UInt32 = try cursor.number(in: bytes)
      let entity = try cursor.entity(in: bytes)
      guard bucket == ReplicaBucket(of: entity).index else {
        throw .malformed("a bucket that is not its entity's")
      }
      return .replica(entity, number: try cursor.number(in: bytes))
    case .meta:
      switch try cursor.byte(in: bytes) {
      case Tag.version: return .databaseVersion
      case Tag.epoch: return .epoch(try cursor.shard(in: bytes))
      case Tag.document: return .document(name: try cursor.escapedText(in: bytes))
      default: throw .malformed("an unknown tag")
      }
    }
  }
}

/// Ranges of keys, as `lower ..< upper`.
package struct KeyRange: Hashable, Sendable {
  package let lower: [UInt8]
  package let upper: [UInt8]

  /// All keys that begin with `prefix`, which must not consist of 0xff alone.
  private init(prefix: [UInt8]) {
    lower = prefix
    var upper = prefix
    while let last = upper.popLast() {
      if last < 0xff {
        upper.append(last + 1)
        break
      }
    }
    self.upper = upper
  }

  private init(lower: [UInt8], upper: [UInt8]) {
    self.lower = lower
    self.upper = upper
  }

  /// All records of a shard in the journal, snapshots, stream, idempotency and groups families.
  package static func shard(_ shard: ShardID) -> KeyRange {
    var prefix: [UInt8] = []
    prefix.appendShard(shard)
    return KeyRange(prefix: prefix)
  }

  /// An entity's journal records.
  package static func journal(of entity: EntityKey, in shard: ShardID) -> KeyRange {
    KeyRange(prefix: StoreKey.snapshot(shard, entity).bytes)
  }

  /// This node's copy of a replicated entity.
  package static func replica(of entity: EntityKey) -> KeyRange {
    var prefix: [UInt8] = []
    prefix.appendReplica(entity)
    return KeyRange(prefix: prefix)
  }

  /// This node's copies of all replicated entities of a bucket.
  package static func replicas(in bucket: ReplicaBucket) -> KeyRange {
    var prefix: [UInt8] = []
    prefix.appendNumber(bucket.index)
    return KeyRange(prefix: prefix)
  }

  /// A shard's idempotency index entries whose buckets start before `end`.
  package static func idempotencyIndex(of shard: ShardID, before end: Timestamp) -> KeyRange {
    var lower: [UInt8] = []
    lower.appendShard(shard)
    lower.append(Tag.index)
    var upper = lower
    upper.appendSortedNumber(end.unixMilliseconds)
    return KeyRange(lower: lower, upper: upper)
  }
}

/// The bytes that tell kinds of records within one family apart.
private enum Tag {
  static let record: UInt8 = 1
  static let index: UInt8 = 2
  static let version: UInt8 = 1
  static let epoch: UInt8 = 2
  static let document: UInt8 = 3
}

extension [UInt8] {
  fileprivate mutating func appendShard(_ shard: ShardID) {
    appendEscaped(shard.service.text)
    appendNumber(shard.index)
  }

  fileprivate mutating func appendReplica(_ entity: EntityKey) {
    appendNumber(ReplicaBucket(of: entity).index)
    appendEntity(entity)
  }

  fileprivate mutating func appendEntity(_ entity: EntityKey) {
    appendEscaped(entity.persistenceID)
    appendEscaped(entity.entityID)
  }
}

extension ByteCursor {
  fileprivate mutating func shard(in bytes: Span<UInt8>) throws(FormatError) -> ShardID {
    guard let service = ServiceName(try escapedText(in: bytes)) else {
      throw .malformed("an illegal service name")
    }
    return ShardID(service: service, index: try number(in: bytes))
  }

  fileprivate mutating func entity(in bytes: Span<UInt8>) throws(FormatError) -> EntityKey {
    let persistenceID = try escapedText(in: bytes)
    return EntityKey(persistenceID: persistenceID, entityID: try escapedText(in: bytes))
  }
}
