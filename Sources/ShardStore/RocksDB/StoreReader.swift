import CloudstateModel
import RocksDB

/// Reads records of an open database and checks each. Any thread; blocks on the disk.
struct StoreReader: Sendable {
  let database: Database
  let families: StoreFamilies
  /// Reads what was there at that moment; `nil` reads what is there now.
  var view: DatabaseView?

  /// A reader of everything as it is now, whatever is written or deleted meanwhile.
  func frozen() -> StoreReader {
    StoreReader(database: database, families: families, view: DatabaseView(of: database))
  }

  /// An iterator over a range of a family, not positioned yet.
  func iterator(
    over family: StoreFamily, _ range: KeyRange, keepsBlocks: Bool = true
  ) -> DatabaseIterator {
    DatabaseIterator(
      over: families[family], of: database, from: range.lower, to: range.upper, view: view,
      keepsBlocks: keepsBlocks)
  }

  /// The record under a key, or `nil`.
  func record<Record: StoredRecord>(
    at key: StoreKey, as type: Record.Type = Record.self
  ) throws(StoreError) -> Record? {
    let bytes = key.bytes
    guard let value = try value(of: bytes, for: key) else { return nil }
    do throws(FormatError) {
      return try value.withBytes { (span) throws(FormatError) in
        try Record.open(span, under: bytes)
      }
    } catch {
      throw StoreError(unreadable: key, error)
    }
  }

  private func value(
    of bytes: [UInt8], for key: StoreKey
  ) throws(StoreError) -> PinnedValue? {
    do throws(RocksDBError) {
      return try database.value(of: bytes, in: families[key.family], view: view)
    } catch {
      throw StoreError(reading: key.name, error)
    }
  }

  /// Whether there is a value under a key, readable or not.
  func exists(_ key: [UInt8], in family: StoreFamily) throws(RocksDBError) -> Bool {
    switch try database.value(of: key, in: families[family], view: view) {
    case .none: false
    case .some: true
    }
  }

  /// Whether a family holds no key at all.
  func isEmpty(_ family: StoreFamily) throws(StoreError) -> Bool {
    var iterator = DatabaseIterator(over: families[family], of: database)
    iterator.seekToFirst()
    do throws(RocksDBError) {
      try iterator.checkFailure()
    } catch {
      throw StoreError(reading: "family \(family.rawValue)", error)
    }
    return !iterator.isValid
  }

  /// The key and record under an iterator.
  func current<Record: StoredRecord>(
    _ iterator: borrowing DatabaseIterator, in family: StoreFamily,
    of owner: @autoclosure () -> String
  ) throws(StoreError) -> (key: StoreKey, record: Record) {
    let (key, bytes) = try currentKey(iterator, in: family, of: owner())
    return (key, try currentRecord(iterator, at: key, bytes))
  }

  /// The key under an iterator, and its bytes.
  func currentKey(
    _ iterator: borrowing DatabaseIterator, in family: StoreFamily,
    of owner: @autoclosure () -> String
  ) throws(StoreError) -> (key: StoreKey, bytes: [UInt8]) {
    let bytes = iterator.withKey { Array(copying: $0) }
    do throws(FormatError) {
      return (try StoreKey.decode(bytes.span, in: family), bytes)
    } catch {
      throw StoreError(.corruptRecord, corruptText("a key of \(owner())", "\(error)"))
    }
  }

  /// The record under an iterator that stands on that key.
  func currentRecord<Record: StoredRecord>(
    _ iterator: borrowing DatabaseIterator, at key: StoreKey, _ bytes: [UInt8]
  ) throws(StoreError) -> Record {
    do throws(FormatError) {
      return try iterator.withValue { (span) throws(FormatError) in
        try Record.open(span, under: bytes)
      }
    } catch {
      throw StoreError(unreadable: key, error)
    }
  }
}

extension StoreError {
  /// RocksDB could not answer a read.
  init(reading what: String, _ error: RocksDBError) {
    if error.kind == .corruption {
      self.init(.corruptRecord, corruptText(what, error.message))
    } else {
      self.init(.readFailed, "reading \(what) failed (\(error.message)); check the disk")
    }
  }

  /// A value is there but cannot be trusted.
  init(unreadable key: StoreKey, _ error: FormatError) {
    self.init(.corruptRecord, corruptText(key.name, "\(error)"))
  }

  /// Records contradict each other.
  init(disagreeing what: String, _ problem: String) {
    self.init(.corruptRecord, corruptText(what, problem))
  }
}

private func corruptText(_ what: String, _ problem: String) -> String {
  "\(what) cannot be trusted: \(problem). Nothing was changed or deleted; restore the shard from a "
    + "replica or a backup"
}

extension StoreKey {
  /// The record's name for people.
  var name: String {
    switch self {
    case .journal(let shard, let entity, let sequence):
      "event \(sequence) of entity \(entity) in shard \(shard)"
    case .snapshot(let shard, let entity): "the snapshot of entity \(entity) in shard \(shard)"
    case .stream(let shard, let position): "position \(position) of the stream of shard \(shard)"
    case .idempotency(let shard, let entity, let key):
      "idempotency key \(key) of entity \(entity) in shard \(shard)"
    case .idempotencyIndex(let shard, _, let entity, let key):
      "the time of idempotency key \(key) of entity \(entity) in shard \(shard)"
    case .consumer(let shard, let consumer): "the position of \(consumer) in shard \(shard)"
    case .replica(let entity, 0): "this node's copy of entity \(entity)"
    case .replica(let entity, let number):
      "delta \(number) of this node's copy of entity \(entity)"
    case .databaseVersion: "the format version of the database"
    case .epoch(let shard): "the epoch of shard \(shard)"
    case .document(let name): "the document \(name)"
    }
  }
}
