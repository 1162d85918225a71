import RocksDB
import TestSupport
import Testing

@Suite("RocksDB wrapper")
struct DatabaseTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func open() throws -> (Database, ColumnFamily, ColumnFamily) {
    let database = try Database.open(
      path: "\(directory.path)/db", options: DatabaseOptions(),
      families: [ColumnFamilyOptions(name: "left"), ColumnFamilyOptions(name: "right")])
    return (
      database, try #require(database.family("left")), try #require(database.family("right"))
    )
  }

  private func value(
    _ database: Database, _ key: [UInt8], _ family: ColumnFamily
  ) throws -> [UInt8]? {
    try database.value(of: key, in: family)?.copy()
  }

  private func keys(
    _ database: Database, _ family: ColumnFamily, from: [UInt8]? = nil, to: [UInt8]? = nil
  ) -> [[UInt8]] {
    var iterator = DatabaseIterator(over: family, of: database, from: from, to: to)
    var keys: [[UInt8]] = []
    iterator.seekToFirst()
    while iterator.isValid {
      keys.append(iterator.withKey { Array(copying: $0) })
      iterator.next()
    }
    return keys
  }

  @Test("values by family, after a restart too")
  func values() throws {
    do {
      let (database, left, right) = try open()
      var batch = WriteBatch(for: database)
      batch.put([1], [10], in: left)
      batch.put([1], [], in: right)
      batch.put([2], [20], in: right)
      let puts = batch.count
      #expect(puts == 3)
      try database.write(batch, sync: true)
      batch.clear()
      batch.delete([2], in: right)
      let deletions = batch.count
      #expect(deletions == 1)
      try database.write(batch, sync: false)
      try database.flush()
      #expect(database.number("rocksdb.estimate-num-keys", of: left) == 1)
      #expect(database.property("rocksdb.no-such-thing", of: left) == nil)
    }
    let (database, left, right) = try open()
    #expect(try value(database, [1], left) == [10])
    #expect(try value(database, [1], right) == [])
    #expect(try value(database, [2], right) == nil)
    #expect(database.family("elsewhere") == nil)
  }

  @Test("iterators keep to their bounds, both ways")
  func iteration() throws {
    let (database, left, _) = try open()
    var batch = WriteBatch(for: database)
    for key: UInt8 in 1...9 { batch.put([key], [key], in: left) }
    batch.deleteRange(from: [4], to: [6], in: left)
    try database.write(batch, sync: false)
    #expect(keys(database, left) == [[1], [2], [3], [6], [7], [8], [9]])
    #expect(keys(database, left, from: [3], to: [8]) == [[3], [6], [7]])
    var iterator = DatabaseIterator(over: left, of: database, from: [2], to: [8])
    var seen: [[UInt8]] = []
    iterator.seekToLast()
    seen.append(iterator.withKey { Array(copying: $0) })
    iterator.seekBackward(to: [5])
    seen.append(iterator.withValue { Array(copying: $0) })
    iterator.previous()
    iterator.previous()
    let isPastTheEnd = !iterator.isValid
    seen.append(iterator.withKey { Array(copying: $0) })
    iterator.seek(to: [4])
    seen.append(iterator.withKey { Array(copying: $0) })
    try iterator.checkFailure()
    #expect(seen == [[7], [3], [], [6]])
    #expect(isPastTheEnd)
  }

  @Test("a checkpoint is a database of its own")
  func checkpoint() throws {
    let (database, left, _) = try open()
    var batch = WriteBatch(for: database)
    batch.put([1], [1], in: left)
    try database.write(batch, sync: true)
    try database.checkpoint(to: "\(directory.path)/copy")
    batch.put([2], [2], in: left)
    try database.write(batch, sync: true)
    let copy = try Database.open(
      path: "\(directory.path)/copy", options: DatabaseOptions(),
      families: [ColumnFamilyOptions(name: "left"), ColumnFamilyOptions(name: "right")])
    #expect(keys(copy, try #require(copy.family("left"))) == [[1]])
    #expect(throws: RocksDBError.self) {
      try database.checkpoint(to: "\(directory.path)/copy")
    }
  }

  @Test("errors are sorted into kinds")
  func errors() throws {
    let (database, _, _) = try open()
    let second = try #require(throws: RocksDBError.self) { try open() }
    #expect(second.kind == .lockHeld)
    withExtendedLifetime(database) {}
    let missing = try #require(throws: RocksDBError.self) {
      var options = DatabaseOptions()
      options.createIfMissing = false
      _ = try Database.open(path: "\(directory.path)/none", options: options, families: [])
    }
    #expect(missing.kind == .invalidArgument)
    let unreachable = try #require(throws: RocksDBError.self) {
      _ = try Database.open(path: "/proc/no/such", options: DatabaseOptions(), families: [])
    }
    #expect(unreachable.kind == .inputOutput)
  }
}
