import CRocksDB

extension Database {
  /// Writes all write buffers to files and waits for it, so that the next open replays no log.
  package func flush() throws(RocksDBError) {
    let options: OpaquePointer = rocksdb_flushoptions_create()
    defer { rocksdb_flushoptions_destroy(options) }
    rocksdb_flushoptions_set_wait(options, 1)
    for handle in handles {
      try checked { failure in rocksdb_flush_cf(raw, options, handle, &failure) }
    }
  }

  /// A property of a column family such as `rocksdb.estimate-num-keys`, or `nil` if there is none of
  /// that name.
  package func property(_ name: String, of family: ColumnFamily) -> String? {
    guard let value = rocksdb_property_value_cf(raw, handle(of: family), name) else { return nil }
    defer { rocksdb_free(value) }
    return String(cString: value)
  }

  /// A property that is a number, or `nil` if there is no number of that name.
  package func number(_ name: String, of family: ColumnFamily) -> UInt64? {
    var value: UInt64 = 0
    guard rocksdb_property_int_cf(raw, handle(of: family), name, &value) == 0 else { return nil }
    return value
  }

  /// About how many bytes of files the keys in `lower ..< upper` take. What is still in write buffers is left
  /// out.
  package func approximateBytes(
    of family: ColumnFamily, from lower: [UInt8], to upper: [UInt8]
  ) throws(RocksDBError) -> UInt64 {
    var bytes: UInt64 = 0
    try lower.withCharacters { lowerStart, lowerCount in
      upper.withCharacters { upperStart, upperCount in
        Result { () throws(RocksDBError) in
          try checked { failure in
            rocksdb_approximate_sizes_cf(
              raw, handle(of: family), 1, [lowerStart], [lowerCount], [upperStart], [upperCount],
              &bytes, &failure)
          }
        }
      }
    }.get()
    return bytes
  }

  /// Makes a consistent copy in the folder `path`, which must not exist yet. Files are hard-linked
  /// where the file system allows.
  package func checkpoint(to path: String) throws(RocksDBError) {
    let checkpoint = try checked { failure in
      rocksdb_checkpoint_object_create(raw, &failure)
    }
    guard let checkpoint else { throw RocksDBError(.other, "no checkpoint object") }
    defer { rocksdb_checkpoint_object_destroy(checkpoint) }
    try checked { failure in rocksdb_checkpoint_create(checkpoint, path, 0, &failure) }
  }
}
