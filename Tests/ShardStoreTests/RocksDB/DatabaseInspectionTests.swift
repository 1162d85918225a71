import Glibc
import RocksDB
import TestSupport
import Testing

/// What is found out before RocksDB opens, and with it changes, a database.
@Suite("Inspection of databases")
struct DatabaseInspectionTests {
  private let directory: TemporaryDirectory
  private let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = "\(directory.path)/db"
  }

  private func open() throws -> Database {
    try Database.open(
      path: path, options: DatabaseOptions(), families: [ColumnFamilyOptions(name: "records")])
  }

  private func write(_ count: Int, to database: Database, padding: Int = 0) throws {
    let family = try #require(database.family("records"))
    for number in 0..<count {
      var batch = WriteBatch(for: database)
      let key = Array("key \(number)".utf8) + [UInt8](repeating: 7, count: padding)
      batch.put(key, [1, 2, 3], in: family)
      try database.write(batch, sync: true)
      // Each adds a table, and with it a record to the list of files.
      try database.flush()
    }
  }

  /// The path of the list of files.
  private func list() throws -> String {
    let name = try #require(try fileNames(in: path).first { $0.hasPrefix("MANIFEST") })
    return "\(path)/\(name)"
  }

  private func damage() -> RocksDBError? {
    do throws(RocksDBError) {
      _ = try DatabaseInspection.inspect(path)
      return nil
    } catch {
      return error
    }
  }

  @Test("no folder and an empty one hold no database, and what a program leaves is sound")
  func sound() throws {
    #expect(try !DatabaseInspection.inspect(path))
    _ = try open()
    #expect(try DatabaseInspection.inspect(path))
    #expect(try !DatabaseInspection.hasRecords(path))
    try write(3, to: open())
    #expect(try DatabaseInspection.inspect(path))
    #expect(try DatabaseInspection.hasRecords(path))
    // Another object of this process is no other process.
    let database = try open()
    #expect(!DatabaseInspection.isOpenElsewhere(path))
    try write(1, to: database)
  }

  @Test("a list of more than one block is read to its end")
  func blocks() throws {
    // The list has the first and the last key of each table.
    try write(30, to: open(), padding: 2000)
    let list = try list()
    let bytes = try readFile(list)
    #expect(bytes.count > 3 << 15, "\(bytes.count) bytes")
    #expect(try DatabaseInspection.inspect(path))
    var random = SeededGenerator(seed: testSeed("inspected lists of files"))
    for _ in 0..<20 {
      var harmed = bytes
      let place = Int.random(in: 0..<(bytes.count - 1000), using: &random)
      harmed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      try writeFile(list, harmed)
      // The few bytes at the end of a block where no header has room say nothing.
      if place % (1 << 15) < 32_761 { #expect(damage()?.kind == .corruption, "\(place)") }
      for index in place..<(place + 100) { harmed[index] = 0 }
      try writeFile(list, harmed)
      #expect(damage()?.kind == .corruption, "zeros at \(place)")
    }
  }

  @Test("what a crash leaves of the last record is no damage, whichever part of it is there")
  func tornTail() throws {
    try write(3, to: open())
    let list = try list()
    let bytes = try readFile(list)
    let last = try #require(recordEnds(in: bytes).dropLast().last)
    for end in last..<bytes.count {
      try writeFile(list, Array(bytes[..<end]))
      #expect(damage() == nil, "cut at \(end)")
      // The file may have grown before its content was written.
      try writeFile(list, Array(bytes[..<last]) + [UInt8](repeating: 0, count: end - last))
      #expect(damage() == nil, "\(end - last) zeros")
    }
  }

  @Test("tables without a list of files are not taken for a new database")
  func missingCurrent() throws {
    try write(1, to: open())
    #expect(unlink("\(path)/CURRENT") == 0)
    #expect(damage()?.kind == .corruption)
    #expect(try !fileNames(in: path).contains("CURRENT"))
    try writeFile("\(path)/CURRENT", Array("MANIFEST-99\n".utf8))
    #expect(damage()?.message.contains("MANIFEST-99") == true)
  }
}
