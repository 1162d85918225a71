import CloudstateModel
import Glibc
import RocksDB
import ShardStore
import TestSupport
import Testing

@Suite("Opening a RocksDB store")
struct OpeningTests {
  private let directory: TemporaryDirectory
  private var path: String { "\(directory.path)/nested/data" }

  init() throws { directory = try TemporaryDirectory() }

  private func open(_ path: String? = nil) throws(StoreError) -> RocksDBShardStore {
    try RocksDBShardStore.open(path: path ?? self.path, logger: .silent)
  }

  @Test("the folder is created for its owner only")
  func folder() throws {
    try open().close()
    var info = stat()
    #expect(stat(path, &info) == 0)
    #expect(info.st_mode & 0o777 == 0o700)
  }

  @Test("a second store on the same folder is refused with a hint")
  func inUse() throws {
    let first = try open()
    let error = try #require(throws: StoreError.self) { try open() }
    #expect(error.code == .inUse)
    #expect(error.message.contains(path) && error.message.contains("--data"))
    first.close()
    try open().close()
  }

  @Test("a store that is let go without closing frees its folder")
  func letGo() async throws {
    let own = try shard(0)
    do {
      let store = try open()
      try store.openShard(own, epoch: Epoch(1))
      try await store.commit(batch(own, events: ["x"]))
    }
    try await eventually("the folder is free") {
      guard let store = try? open() else { return false }
      defer { store.close() }
      return try store.lastPosition(of: own) == Position(1)
    }
  }

  @Test(
    "a folder that cannot be is refused with a hint", arguments: ["/proc/no/such", "/dev/null"])
  func cannotOpen(path: String) throws {
    let error = try #require(throws: StoreError.self) { try open(path) }
    #expect(error.code == .cannotOpen)
    #expect(error.message.contains(path))
  }

  @Test("a newer format version is refused, and nothing is changed")
  func newerVersion() throws {
    try open().close()
    let known = StoredFormat.databaseVersion
    try write(DatabaseVersionRecord(known + 1), at: .databaseVersion)
    for _ in 0..<2 {
      let error = try #require(throws: StoreError.self) { try open() }
      #expect(error.code == .unknownFormatVersion)
      #expect(error.message.contains("version \(known + 1)"))
      #expect(error.message.contains("up to \(known)"))
    }
  }

  @Test("a database of the first format gets what it lacks and keeps what it has")
  func firstFormat() async throws {
    let own = try shard(0)
    #expect(mkdir("\(directory.path)/nested", 0o700) == 0)
    do {
      // As the software of that time left it.
      let database = try rawDatabase(families: [
        "journal", "snapshots", "stream", "idempotency", "meta",
      ])
      let (key, document) = (StoreKey.databaseVersion, StoreKey.document(name: "plan"))
      let meta = try #require(database.family("meta"))
      var batch = WriteBatch(for: database)
      batch.put(key.bytes, DatabaseVersionRecord(1).sealed(under: key.bytes), in: meta)
      batch.put(document.bytes, DocumentRecord([7]).sealed(under: document.bytes), in: meta)
      try database.write(batch, sync: true)
    }
    let consumer = ConsumerID(serviceName: "s", group: "g", eventLog: "l")
    for round in 0..<2 {
      let store = try open()
      defer { store.close() }
      #expect(try store.metadata("plan") == [7])
      let position = ConsumerPosition(batches: Position(3), events: 2)
      #expect(try store.position(of: consumer, in: own) == (round == 0 ? .start : position))
      try store.openShard(own, epoch: Epoch(1))
      try store.setPosition(position, of: consumer, in: own)
    }
    let database = try rawDatabase()
    let key = StoreKey.databaseVersion.bytes
    let version = try database.value(of: key, in: try #require(database.family("meta")))?.copy()
    #expect(version == DatabaseVersionRecord(StoredFormat.databaseVersion).sealed(under: key))
  }

  @Test("column families of newer software are refused as such")
  func newerFamilies() throws {
    try open().close()
    _ = try rawDatabase(families: StoreFamily.allCases.map(\.rawValue) + ["timers"])
    let error = try #require(throws: StoreError.self) { try open() }
    #expect(error.code == .unknownFormatVersion)
  }

  @Test("records without a format version are not signed as ours")
  func missingVersion() throws {
    try open().close()
    do {
      let database = try rawDatabase()
      let meta = try #require(database.family("meta"))
      var batch = WriteBatch(for: database)
      batch.delete(StoreKey.databaseVersion.bytes, in: meta)
      batch.put(StoreKey.document(name: "plan").bytes, [1], in: meta)
      try database.write(batch, sync: true)
    }
    let error = try #require(throws: StoreError.self) { try open() }
    #expect(error.code == .corruptRecord)
  }

  @Test("a damaged manifest is named as damage")
  func damagedManifest() throws {
    try open().close()
    let name = try #require(try fileNames(in: path).first { $0.hasPrefix("MANIFEST") })
    var content = try readFile("\(path)/\(name)")
    content[content.count / 3] ^= 0x40
    try writeFile("\(path)/\(name)", content)
    let error = try #require(throws: StoreError.self) { try open() }
    #expect(error.code == .corruptRecord)
    #expect(error.message.contains(path))
  }

  private func rawDatabase(
    families: [String] = StoreFamily.allCases.map(\.rawValue)
  ) throws -> Database {
    try Database.open(
      path: path, options: DatabaseOptions(),
      families: families.map { ColumnFamilyOptions(name: $0) })
  }

  private func write(_ record: some StoredRecord, at key: StoreKey) throws {
    let database = try rawDatabase()
    var batch = WriteBatch(for: database)
    batch.put(
      key.bytes, record.sealed(under: key.bytes),
      in: try #require(database.family(key.family.rawValue)))
    try database.write(batch, sync: true)
  }
}
