import CloudstateModel
import RocksDB

extension StoreReader {
  /// The highest epoch seen for a shard.
  func epoch(of shard: ShardID) throws(StoreError) -> Epoch {
    try record(at: .epoch(shard), as: EpochRecord.self)?.epoch ?? .none
  }

  /// The last position of a shard and what it points to, or `nil` for an empty stream.
  func lastStreamRecord(
    of shard: ShardID
  ) throws(StoreError) -> (position: Position, record: StreamRecord)? {
    let range = KeyRange.shard(shard)
    var iterator = self.iterator(over: .stream, range)
    iterator.seekToLast()
    try check(iterator, "the stream of shard \(shard)")
    guard iterator.isValid else { return nil }
    let (key, record): (StoreKey, StreamRecord) = try current(
      iterator, in: .stream, of: "the stream of shard \(shard)")
    return (try position(key, in: shard), record)
  }

  /// Events of an entity in order, without a gap from `sequence.next` on.
  func events(
    of entity: EntityKey, in shard: ShardID, after sequence: SequenceNumber, byteLimit: Int
  ) throws(StoreError) -> [StoredEvent] {
    let range = KeyRange.journal(of: entity, in: shard)
    let owner = "the journal of entity \(entity) in shard \(shard)"
    var iterator = self.iterator(over: .journal, range)
    var expected = max(sequence, .none).next
    iterator.seek(to: StoreKey.journal(shard, entity, expected).bytes)
    var events: [StoredEvent] = []
    var bytes = 0
    while iterator.isValid {
      let (key, record): (StoreKey, JournalRecord) = try current(
        iterator, in: .journal, of: owner)
      guard key == .journal(shard, entity, expected) else {
        throw StoreError(disagreeing: owner, "event \(expected) is missing before \(key.name)")
      }
      bytes += record.payload.approximateBytes
      if !events.isEmpty && bytes > byteLimit { return events }
      events.append(StoredEvent(sequence: expected, time: record.time, payload: record.payload))
      expected = expected.next
      iterator.next()
    }
    try check(iterator, owner)
    return events
  }

  /// Committed batches of a shard in order, without a gap from `position.next` on.
  func stream(
    of shard: ShardID, after position: Position, byteLimit: Int
  ) throws(StoreError) -> [StreamBatch] {
    let range = KeyRange.shard(shard)
    let owner = "the stream of shard \(shard)"
    var iterator = self.iterator(over: .stream, range)
    var expected = position.next
    iterator.seek(to: StoreKey.stream(shard, expected).bytes)
    var batches: [StreamBatch] = []
    var bytes = 0
    while iterator.isValid {
      let (key, record): (StoreKey, StreamRecord) = try current(iterator, in: .stream, of: owner)
      guard try self.position(key, in: shard) == expected else {
        throw StoreError(disagreeing: owner, "position \(expected) is missing before \(key.name)")
      }
      let batch = try resolve(record, at: expected, in: shard)
      bytes += batch.approximateBytes
      if !batches.isEmpty && bytes > byteLimit { return batches }
      batches.append(batch)
      expected = expected.next
      iterator.next()
    }
    try check(iterator, owner)
    return batches
  }

  /// Follows a stream record to the events it points to.
  func resolve(
    _ record: StreamRecord, at position: Position, in shard: ShardID
  ) throws(StoreError) -> StreamBatch {
    var events: [StoredEvent] = []
    events.reserveCapacity(min(Int(record.eventCount), 1024))
    for offset in 0..<Int(record.eventCount) {
      let sequence = record.firstSequence.advanced(by: offset)
      let key = StoreKey.journal(shard, record.entity, sequence)
      guard let event = try self.record(at: key, as: JournalRecord.self) else {
        throw StoreError(
          disagreeing: key.name,
          "position \(position) of the stream points to it, and it is missing")
      }
      guard event.time == record.time else {
        throw StoreError(
          disagreeing: key.name, "position \(position) of the stream has another time")
      }
      events.append(StoredEvent(sequence: sequence, time: event.time, payload: event.payload))
    }
    return StreamBatch(
      position: position, epoch: record.epoch, time: record.time, entity: record.entity,
      events: events)
  }

  /// The smallest position up to `last` whose time is `time` or later, else the one after `last`.
  /// Times never go back within a shard, so a binary search finds it.
  func firstPosition(
    of shard: ShardID, since time: Timestamp, last: Position
  ) throws(StoreError) -> Position {
    var lower = Position.start.next
    var end = last.next
    while lower < end {
      let middle = Position(lower.number + (end.number - lower.number) / 2)
      let key = StoreKey.stream(shard, middle)
      guard let record = try record(at: key, as: StreamRecord.self) else {
        throw StoreError(disagreeing: key.name, "it is missing and position \(last) is there")
      }
      if record.time < time { lower = middle.next } else { end = middle }
    }
    return lower
  }

  /// Throws what ended an iteration, if it was not the end of the range.
  func check(
    _ iterator: borrowing DatabaseIterator, _ what: String
  ) throws(StoreError) {
    do throws(RocksDBError) {
      try iterator.checkFailure()
    } catch {
      throw StoreError(reading: what, error)
    }
  }

  func position(_ key: StoreKey, in shard: ShardID) throws(StoreError) -> Position {
    guard case .stream(shard, let position) = key else {
      throw StoreError(disagreeing: "the stream of shard \(shard)", "it holds \(key.name)")
    }
    return position
  }
}

extension StreamBatch {
  /// Bytes of content, as limits on reads count them.
  var approximateBytes: Int { events.reduce(32) { $0 + $1.payload.approximateBytes } }
}
