import CRocksDB

/// Changes that are written together. Used by one thread at a time; reuse one with ``clear()`` to keep
/// its memory.
package struct WriteBatch: ~Copyable {
  /// The `rocksdb_writebatch_t`; valid as long as this value.
  let raw: OpaquePointer
  private let database: Database

  /// An empty batch for one database, which it keeps open.
  package init(for database: Database) {
    raw = rocksdb_writebatch_create()
    self.database = database
  }

  deinit { rocksdb_writebatch_destroy(raw) }

  /// Number of changes.
  package var count: Int { Int(rocksdb_writebatch_count(raw)) }

  /// Sets a key's value. The bytes are copied.
  package mutating func put(_ key: [UInt8], _ value: [UInt8], in family: ColumnFamily) {
    let handle = database.handle(of: family)
    key.withCharacters { keyStart, keyCount in
      value.withCharacters { valueStart, valueCount in
        rocksdb_writebatch_put_cf(raw, handle, keyStart, keyCount, valueStart, valueCount)
      }
    }
  }

  /// Removes a key, if it is there.
  package mutating func delete(_ key: [UInt8], in family: ColumnFamily) {
    let handle = database.handle(of: family)
    key.withCharacters { start, count in
      rocksdb_writebatch_delete_cf(raw, handle, start, count)
    }
  }

  /// Deletes all keys in `lower ..< upper`.
  package mutating func deleteRange(
    from lower: [UInt8], to upper: [UInt8], in family: ColumnFamily
  ) {
    let handle = database.handle(of: family)
    lower.withCharacters { lowerStart, lowerCount in
      upper.withCharacters { upperStart, upperCount in
        rocksdb_writebatch_delete_range_cf(
          raw, handle, lowerStart, lowerCount, upperStart, upperCount)
      }
    }
  }

  /// Forgets all changes and keeps the memory.
  package mutating func clear() { rocksdb_writebatch_clear(raw) }
}
