import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("What a crash leaves of a RocksDB store")
struct CrashTests {
  private let home: StoreHome
  private let copies: TemporaryDirectory
  private let own: ShardID

  init() throws {
    home = try StoreHome(.rocksDB)
    copies = try TemporaryDirectory()
    own = try shard(0)
  }

  /// Commits 20 batches, takes the files as they are, without any closing, and finds the newest log.
  private func crash() async throws -> (folder: String, log: String) {
    let store = try home.open()
    defer { store.close() }
    try store.openShard(own, epoch: Epoch(1))
    for sequence in 1...20 {
      try await store.commit(batch(own, from: Int64(sequence), events: ["event \(sequence)"]))
    }
    let folder = "\(copies.path)/crashed"
    try copyFiles(from: home.path, to: folder)
    let log = try #require(try fileNames(in: folder).last { $0.hasSuffix(".log") })
    return (folder, "\(folder)/\(log)")
  }

  private func positions(in folder: String) throws -> [UInt64] {
    let store = try RocksDBShardStore.open(path: folder, logger: .silent)
    defer { store.close() }
    let last = try store.openShard(own, epoch: Epoch(1))
    let stream = try store.stream(of: own, after: .start, byteLimit: .max)
    #expect(stream.last?.position == last)
    return stream.map(\.position.number)
  }

  @Test("everything acknowledged is there")
  func acknowledged() async throws {
    let (folder, _) = try await crash()
    #expect(try positions(in: folder) == Array(1...20))
  }

  @Test("an incomplete record at the end of the log goes, and only that")
  func tornTail() async throws {
    let (folder, log) = try await crash()
    let content = try readFile(log)
    let end = try #require(content.lastIndex { $0 != 0 })
    try writeFile(log, Array(content[..<(end - 10)]))
    #expect(try positions(in: folder) == Array(1...19))
  }

  @Test("damage before acknowledged records refuses to open instead of dropping them")
  func damagedMiddle() async throws {
    let (folder, log) = try await crash()
    var content = try readFile(log)
    let end = try #require(content.lastIndex { $0 != 0 })
    content[end / 2] ^= 0x10
    try writeFile(log, content)
    let error = try #require(throws: StoreError.self) { try positions(in: folder) }
    #expect(error.code == .corruptRecord)
    #expect(error.message.contains(folder))
  }
}
