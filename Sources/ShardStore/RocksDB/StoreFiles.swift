import CloudstateModel
import Glibc
import Logging
import RocksDB

/// The column families of an open store.
struct StoreFamilies: Sendable {
  private let families: [ColumnFamily]

  /// `nil` if the database was opened without one of them.
  init?(of database: Database) {
    let families = StoreFamily.allCases.compactMap { database.family($0.rawValue) }
    guard families.count == StoreFamily.allCases.count else { return nil }
    self.families = families
  }

  /// The column family that holds a kind of records.
  subscript(family: StoreFamily) -> ColumnFamily {
    switch family {
    case .journal: families[0]
    case .snapshots: families[1]
    case .stream: families[2]
    case .idempotency: families[3]
    case .groups: families[4]
    case .meta: families[5]
    case .crdt: families[6]
    }
  }
}

/// Opens the files of a store and checks that this software may use them.
enum StoreFiles {
  /// Opens or creates the database in the folder `path`; errors as `RocksDBShardStore.open` documents.
  static func open(
    path: String, memory: MemoryBudget, logger: Logger
  ) throws(StoreError) -> (database: Database, families: StoreFamilies) {
    try createFolder(path)
    var options = DatabaseOptions()
    options.totalWriteBufferBytes = memory.writeBufferBytes
    options.maximumLogBytes = UInt64(memory.logBytes)
    options.blockCacheBytes = memory.blockCacheBytes
    // A crash may leave an incomplete record at the log's end: it was never synced, so nobody was told of
    // it and it may go. Damage before that hits what was acknowledged. Point-in-time recovery, RocksDB's
    // default, would drop everything behind such damage without a word; this mode refuses to open.
    options.recovery = .tolerateIncompleteTail
    let database: Database
    do throws(RocksDBError) {
      // Opening writes the list of files anew, and with it what it has passed over.
      _ = try DatabaseInspection.inspect(path)
      database = try Database.open(
        path: path, options: options, families: familyOptions(memory: memory))
    } catch {
      throw openingError(error, path: path)
    }
    guard let families = StoreFamilies(of: database) else {
      throw StoreError(.cannotOpen, "the database in \(path) opened without its column families")
    }
    try checkVersion(of: database, families, path: path, logger: logger)
    return (database, families)
  }

  private static func familyOptions(memory: MemoryBudget) -> [ColumnFamilyOptions] {
    StoreFamily.allCases.map { family in
      switch family {
      case .journal:
        ColumnFamilyOptions(name: family.rawValue, writeBufferBytes: memory.writeBufferBytes / 2)
      case .snapshots, .stream, .idempotency, .crdt:
        ColumnFamilyOptions(name: family.rawValue, writeBufferBytes: memory.writeBufferBytes / 4)
      case .groups, .meta:
        ColumnFamilyOptions(
          name: family.rawValue, writeBufferBytes: 256 << 10, bloomBitsPerKey: 0)
      }
    }
  }

  /// Creates the folder for its owner only, and its parents as usual.
  private static func createFolder(_ path: String) throws(StoreError) {
    var parent = path.hasPrefix("/") ? "" : "."
    for name in path.split(separator: "/").dropLast() {
      parent += "/\(name)"
      _ = mkdir(parent, 0o755)
    }
    guard mkdir(path, 0o700) != 0 else { return }
    let reason = errno
    guard reason == EEXIST else {
      throw StoreError(
        .cannotOpen,
        "cannot create the data directory \(path): \(String(cString: strerror(reason))); "
          + "choose another --data")
    }
  }

  private static func openingError(_ error: RocksDBError, path: String) -> StoreError {
    switch error.kind {
    case .lockHeld:
      StoreError(
        .inUse,
        "another cs-node uses the data directory \(path); stop it or choose another --data")
    case .corruption:
      StoreError(
        .corruptRecord,
        "the database in \(path) is damaged (\(error.message)). Nothing was changed. Keep a copy, "
          + "then restore it from a replica or a backup")
    case .invalidArgument where error.message.contains("Column families not opened: coordinator"):
      StoreError(
        .cannotOpen,
        "\(path) is a coordinator's directory; choose another --data for the node")
    case .invalidArgument where error.message.contains("Column families not opened"):
      StoreError(
        .unknownFormatVersion,
        "the database in \(path) has parts this software does not know (\(error.message)), and it knows "
          + "formats up to version \(StoredFormat.databaseVersion); start the newer cs-node that wrote "
          + "it, or choose another --data")
    case .unfinished:
      StoreError(.cannotOpen, "the database in \(path) cannot be used: \(error.message)")
    case .inputOutput, .invalidArgument, .other:
      StoreError(
        .cannotOpen,
        "cannot open a database in \(path) (\(error.message)); check that the folder is writable and "
          + "the disk has space, or choose another --data")
    }
  }

  /// Refuses a newer database, and signs an empty one or one of an older format. Opening has made the
  /// families that an older one lacks.
  private static func checkVersion(
    of database: Database, _ families: StoreFamilies, path: String, logger: Logger
  ) throws(StoreError) {
    let reader = StoreReader(database: database, families: families)
    let key = StoreKey.databaseVersion
    if let found = try reader.record(at: key, as: DatabaseVersionRecord.self) {
      guard found.version <= StoredFormat.databaseVersion else {
        throw StoreError(
          .unknownFormatVersion,
          "the database in \(path) has format version \(found.version), and this software knows up to "
            + "\(StoredFormat.databaseVersion); start the newer cs-node that wrote it, or choose "
            + "another --data")
      }
      guard found.version < StoredFormat.databaseVersion else { return }
      try sign(database, families, path: path)
      logger.notice(
        """
        store brought from format version \(found.version) to \(StoredFormat.databaseVersion): older \
        software cannot open it any more
        """, metadata: ["path": "\(path)"])
      return
    }
    for family in StoreFamily.allCases {
      guard try reader.isEmpty(family) else {
        throw StoreError(
          .corruptRecord,
          "the database in \(path) holds records but not its format version. Nothing was changed; "
            + "restore it from a replica or a backup")
      }
    }
    try sign(database, families, path: path)
  }

  /// Writes today's version into the database.
  private static func sign(
    _ database: Database, _ families: StoreFamilies, path: String
  ) throws(StoreError) {
    let key = StoreKey.databaseVersion.bytes
    var batch = WriteBatch(for: database)
    let record = DatabaseVersionRecord(StoredFormat.databaseVersion)
    batch.put(key, record.sealed(under: key), in: families[.meta])
    do throws(RocksDBError) {
      try database.write(batch, sync: true)
    } catch {
      throw openingError(error, path: path)
    }
  }
}
