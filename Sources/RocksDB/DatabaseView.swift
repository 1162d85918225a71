import CRocksDB

/// A database as it was at one moment: reads through a view see nothing that is written later. Kept for a short
/// while only, because it keeps what is overwritten or deleted meanwhile.
///
/// `@unchecked Sendable`: the pointers are constants. RocksDB documents snapshots as immutable ("Basic
/// Operations", section Snapshots), and the read options are never written to after `init`.
package final class DatabaseView: @unchecked Sendable {
  /// The `rocksdb_snapshot_t`; valid as long as this object.
  let raw: OpaquePointer?
  /// Options of point reads through this view.
  let readOptions: ReadOptionsHandle
  private let database: Database

  /// The database as it is now.
  package init(of database: Database) {
    self.database = database
    raw = rocksdb_create_snapshot(database.raw)
    readOptions = ReadOptionsHandle()
    rocksdb_readoptions_set_snapshot(readOptions.raw, raw)
  }

  deinit { rocksdb_release_snapshot(database.raw, raw) }
}
