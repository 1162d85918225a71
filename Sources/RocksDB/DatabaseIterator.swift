import CRocksDB

/// Walks the keys of a column family within bounds, over the state at its creation or that of a view. Used by
/// one thread at a time; not positioned until the first seek.
package struct DatabaseIterator: ~Copyable {
  private let raw: OpaquePointer
  private let options: ReadOptionsHandle
  /// RocksDB keeps pointers to the bounds, so they live as long as the iterator.
  private let lower: UnsafeMutableBufferPointer<CChar>
  private let upper: UnsafeMutableBufferPointer<CChar>
  private let database: Database
  private let view: DatabaseView?

  /// Walks the keys in `lower ..< upper`; `nil` leaves a side open.
  ///
  /// - Parameter keepsBlocks: whether what is read stays in the block cache. A walk over everything would only
  ///   drive out what is used.
  package init(
    over family: ColumnFamily, of database: Database, from lower: [UInt8]? = nil,
    to upper: [UInt8]? = nil, view: DatabaseView? = nil, keepsBlocks: Bool = true
  ) {
    options = ReadOptionsHandle()
    self.view = view
    if let view { rocksdb_readoptions_set_snapshot(options.raw, view.raw) }
    if !keepsBlocks { rocksdb_readoptions_set_fill_cache(options.raw, 0) }
    self.lower = copyBound(lower)
    self.upper = copyBound(upper)
    self.database = database
    if lower != nil {
      rocksdb_readoptions_set_iterate_lower_bound(
        options.raw, self.lower.baseAddress, self.lower.count)
    }
    if upper != nil {
      rocksdb_readoptions_set_iterate_upper_bound(
        options.raw, self.upper.baseAddress, self.upper.count)
    }
    raw = rocksdb_create_iterator_cf(database.raw, options.raw, database.handle(of: family))
  }

  deinit {
    rocksdb_iter_destroy(raw)
    lower.deallocate()
    upper.deallocate()
  }

  /// Whether the iterator stands on a key. `false` at the end and after an error: ask
  /// ``checkFailure()`` which.
  package var isValid: Bool { rocksdb_iter_valid(raw) != 0 }

  /// Throws the error that ended the walk, if one did.
  package func checkFailure() throws(RocksDBError) {
    try checked { failure in rocksdb_iter_get_error(raw, &failure) }
  }

  /// Stands on the first key within the bounds.
  package mutating func seekToFirst() { rocksdb_iter_seek_to_first(raw) }
  /// Stands on the last key within the bounds.
  package mutating func seekToLast() { rocksdb_iter_seek_to_last(raw) }

  /// Stands on the first key at or after `key`.
  package mutating func seek(to key: [UInt8]) {
    key.withCharacters { start, count in rocksdb_iter_seek(raw, start, count) }
  }

  /// Stands on the last key at or before `key`.
  package mutating func seekBackward(to key: [UInt8]) {
    key.withCharacters { start, count in rocksdb_iter_seek_for_prev(raw, start, count) }
  }

  /// Requires ``isValid``.
  package mutating func next() { rocksdb_iter_next(raw) }

  /// Requires ``isValid``.
  package mutating func previous() { rocksdb_iter_prev(raw) }

  /// Lends the key during `body`; empty unless ``isValid``.
  package func withKey<Answer, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Answer
  ) throws(Failure) -> Answer {
    var count = 0
    let start = isValid ? rocksdb_iter_key(raw, &count) : nil
    return try withSpan(start, count: count, body)
  }

  /// Lends the value during `body`; empty unless ``isValid``.
  package func withValue<Answer, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Answer
  ) throws(Failure) -> Answer {
    var count = 0
    let start = isValid ? rocksdb_iter_value(raw, &count) : nil
    return try withSpan(start, count: count, body)
  }
}

private func copyBound(_ bytes: [UInt8]?) -> UnsafeMutableBufferPointer<CChar> {
  let bytes = bytes ?? []
  let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count)
  _ = copy.initialize(from: bytes.map { CChar(bitPattern: $0) })
  return copy
}
