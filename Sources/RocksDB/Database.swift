import CRocksDB

/// Names one column family of an open database by its place in the list the database was opened with.
package struct ColumnFamily: Hashable, Sendable {
  /// Place in the list, from 0.
  package let index: Int
}

/// An open RocksDB database. It closes when the last reference goes away; batches and iterators keep a
/// reference, so nothing can outlive it.
///
/// All members may be called from any thread and block on the disk.
///
/// `@unchecked Sendable`: all stored properties are constants. The pointers among them lead to a
/// `rocksdb_t`, to column family handles and to options; RocksDB documents the first two as safe for
/// concurrent use ("Basic Operations", section Concurrency), and the options are never written to after
/// `init`.
package final class Database: @unchecked Sendable {
  /// The `rocksdb_t`; valid as long as this object.
  let raw: OpaquePointer
  private let familyHandles: [OpaquePointer]
  private let familyNames: [String]
  private let readOptions = ReadOptionsHandle()
  private let syncedWrites = WriteOptionsHandle(sync: true)
  private let unsyncedWrites = WriteOptionsHandle(sync: false)

  private init(raw: OpaquePointer, familyHandles: [OpaquePointer], familyNames: [String]) {
    self.raw = raw
    self.familyHandles = familyHandles
    self.familyNames = familyNames
  }

  deinit {
    for handle in familyHandles { rocksdb_column_family_handle_destroy(handle) }
    rocksdb_close(raw)
  }

  /// Opens the database in the folder `path`, whose parent must exist.
  ///
  /// `families` must name all column families the database has; missing ones are created. RocksDB's
  /// mandatory family `default` is added by itself and stays out of reach.
  ///
  /// - Parameter isReadOnly: changes no file, and does not keep other processes out: what they do meanwhile may look
  ///   like damage. The database and its families must exist, and nothing can be written.
  package static func open(
    path: String, options: DatabaseOptions, families: [ColumnFamilyOptions],
    isReadOnly: Bool = false
  ) throws(RocksDBError) -> Database {
    let cache = BlockCacheHandle(bytes: options.blockCacheBytes)
    let databaseOptions = OptionsHandle()
    databaseOptions.apply(options)

    // RocksDB wants an options object for each family; they are collected as raw pointers because an
    // array cannot hold noncopyable values, and destroyed at the end of the call.
    let unused = ColumnFamilyOptions(
      name: "default", writeBufferBytes: 64 << 10, bloomBitsPerKey: 0)
    let all = families + [unused]
    var familyOptions: [OpaquePointer?] = []
    defer { for pointer in familyOptions { rocksdb_options_destroy(pointer) } }
    for family in all {
      let copy: OpaquePointer? = rocksdb_options_create_copy(databaseOptions.raw)
      guard let copy else { throw RocksDBError(.other, "out of memory") }
      OptionsHandle.apply(family, to: copy, cache: cache)
      familyOptions.append(copy)
    }

    let names = all.map { Array($0.name.utf8CString) }
    var handles = [OpaquePointer?](repeating: nil, count: all.count)
    let opened = try withPointers(to: names) { namePointers throws(RocksDBError) in
      try checked { failure in
        let count = Int32(all.count)
        return isReadOnly
          ? rocksdb_open_for_read_only_column_families(
            databaseOptions.raw, path, count, namePointers, familyOptions, &handles, 0, &failure)
          : rocksdb_open_column_families(
            databaseOptions.raw, path, count, namePointers, familyOptions, &handles, &failure)
      }
    }
    guard let opened else {
      throw RocksDBError(.other, "RocksDB opened nothing and gave no reason")
    }
    return Database(
      raw: opened, familyHandles: handles.compactMap(\.self), familyNames: all.map(\.name))
  }

  /// The column family of that name, or `nil` if the database was opened without it.
  package func family(_ name: String) -> ColumnFamily? {
    familyNames.firstIndex(of: name).map(ColumnFamily.init)
  }

  /// The C handle of a family; valid as long as this object.
  func handle(of family: ColumnFamily) -> OpaquePointer { familyHandles[family.index] }

  /// The C handles of all families, `default` last.
  var handles: [OpaquePointer] { familyHandles }

  /// The value of a key, now or in a view, without copying it out of the block cache or write buffer, or `nil`.
  package func value(
    of key: [UInt8], in family: ColumnFamily, view: DatabaseView? = nil
  ) throws(RocksDBError) -> PinnedValue? {
    let options = view?.readOptions.raw ?? readOptions.raw
    let pinned = try key.withCharacters { start, count in
      Result { () throws(RocksDBError) in
        try checked { failure in
          rocksdb_get_pinned_cf(raw, options, handle(of: family), start, count, &failure)
        }
      }
    }.get()
    guard let pinned else { return nil }
    return PinnedValue(raw: pinned, database: self)
  }

  /// Applies all changes of `batch` or none. With `sync`, they are on stable storage on return.
  package func write(_ batch: borrowing WriteBatch, sync: Bool) throws(RocksDBError) {
    let options = sync ? syncedWrites.raw : unsyncedWrites.raw
    let batch = batch.raw
    try checked { failure in rocksdb_write(raw, options, batch, &failure) }
  }
}

/// Lends C strings as the array of pointers C wants.
private func withPointers<Answer>(
  to strings: [[CChar]],
  _ body: ([UnsafePointer<CChar>?]) throws(RocksDBError) -> Answer
) throws(RocksDBError) -> Answer {
  let copies = strings.map { string in
    let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: string.count)
    _ = copy.initialize(from: string)
    return copy
  }
  defer { for copy in copies { copy.deallocate() } }
  return try body(copies.map { UnsafePointer($0.baseAddress) })
}
