import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("Copies of shards in the files of a RocksDB store")
struct CopyFilesTests {
  private let home: StoreHome
  private let folder: TemporaryDirectory
  private let own: ShardID

  init() throws {
    home = try StoreHome(.rocksDB)
    folder = try TemporaryDirectory()
    own = try shard(0)
  }

  private func open(_ path: String) throws -> RocksDBShardStore {
    try RocksDBShardStore.open(path: path, logger: .silent)
  }

  @Test("records from before version 3 are read back as far as they tell")
  func oldRecords() async throws {
    let store = try home.open()
    try store.openShard(own, epoch: Epoch(1))
    let batches = [
      batch(own, entity: "v", events: ["one"], snapshot: "one"),
      batch(own, entity: "v", from: 2, events: ["two"], snapshot: "two"),
      batch(own, events: ["x"], snapshot: "state"),
    ]
    for batch in batches { try await store.commit(batch) }
    store.close()
    for (index, batch) in batches.enumerated() {
      var record = StreamRecord(of: batch, time: batch.time)
      record.extras = nil
      try home.write(record, at: .stream(own, Position(UInt64(index + 1))))
    }
    let reopened = try home.open()
    defer { reopened.close() }
    #expect(
      try reopened.allDeltas(of: own).map(\.snapshot)
        == [nil, "two", "state"].map { $0.map(payload) })
    let copy = try InMemoryShardStore()
    defer { copy.close() }
    try await reopened.bring(copy, upToDateIn: own, epoch: 1)
    #expect(try copy.verify(own) == reopened.verify(own))
    #expect(
      try copy.snapshot(of: entity("v"), in: own) == reopened.snapshot(of: entity("v"), in: own))
  }

  @Test("a crash leaves a copy with everything that was answered")
  func crash() async throws {
    let store = try home.open()
    defer { store.close() }
    var deltas = (1...20).map { delta(UInt64($0), from: Int64($0), events: ["old \($0)"]) }
    _ = try await store.append(append(own, epoch: 1, afterEpoch: 0, deltas))
    try copyFiles(from: home.path, to: "\(folder.path)/first")
    deltas = (1...5).map { delta(UInt64($0), epoch: 2, from: Int64($0), events: ["new \($0)"]) }
    var over = append(own, epoch: 2, afterEpoch: 0, deltas)
    over.startsOver = true
    _ = try await store.append(over)
    try copyFiles(from: home.path, to: "\(folder.path)/second")
    try await store.drop(own, epoch: 3)
    try copyFiles(from: home.path, to: "\(folder.path)/third")
    for (name, epoch, last) in [
      ("first", UInt64(1), UInt64(20)), ("second", 2, 5), ("third", 3, 0),
    ] {
      let crashed = try open("\(folder.path)/\(name)")
      defer { crashed.close() }
      #expect(try crashed.verify(own).end.position == Position(last))
      #expect(try crashed.verify(own).events == last)
      #expect(
        try await storeFailure { _ = try await crashed.open(own, epoch: epoch - 1) }.code
          == .staleEpoch)
      #expect(try await crashed.open(own, epoch: epoch).position == Position(last))
    }
  }

  @Test("a torn write leaves the copy before it, or the one after")
  func tornStartOver() async throws {
    let store = try home.open()
    let old = (1...3).map { delta(UInt64($0), from: Int64($0), events: ["old \($0)"]) }
    _ = try await store.append(append(own, epoch: 1, afterEpoch: 0, old))
    let names = try fileNames(in: home.path)
    let log = try #require(names.last { $0.hasSuffix(".log") })
    let before = try readFile("\(home.path)/\(log)").lastIndex { $0 != 0 } ?? 0
    let new = (1...40).map { delta(UInt64($0), epoch: 2, from: Int64($0), events: ["new \($0)"]) }
    var over = append(own, epoch: 2, afterEpoch: 0, new)
    over.startsOver = true
    _ = try await store.append(over)
    let after = try readFile("\(home.path)/\(log)").lastIndex { $0 != 0 } ?? 0
    try copyFiles(from: home.path, to: "\(folder.path)/whole")
    store.close()
    #expect(after > before + 40)
    var random = SeededGenerator(seed: testSeed("torn start"))
    for attempt in 0..<8 {
      let path = "\(folder.path)/torn-\(attempt)"
      try copyFiles(from: "\(folder.path)/whole", to: path)
      let cut = Int.random(in: before + 1..<after, using: &random)
      try writeFile("\(path)/\(log)", Array(try readFile("\(path)/\(log)")[...cut]))
      let torn = try open(path)
      defer { torn.close() }
      #expect(try torn.allDeltas(of: own) == old)
      _ = try torn.verify(own)
    }
  }

  @Test("a checkpoint is a store of its own with all that was acknowledged")
  func checkpoint() async throws {
    let store = try open(home.path)
    defer { store.close() }
    try store.openShard(own, epoch: Epoch(1))
    try await store.commit(batch(own, events: ["x"]))
    let digest = try store.verify(own)
    let path = "\(folder.path)/backup"
    try store.checkpoint(to: path)
    try await store.commit(batch(own, from: 2, events: ["y"]))
    let error = try await storeFailure { try store.checkpoint(to: path) }
    #expect(error.code == .cannotOpen && error.message.contains(path))
    let backup = try open(path)
    defer { backup.close() }
    #expect(try backup.verify(own) == digest)
    #expect(try backup.openShard(own, epoch: Epoch(1)) == Position(1))
    #expect(try store.verify(own) != digest)
  }

  @Test("the size of a shard is about that of its files, and of what will become files")
  func approximateBytes() async throws {
    let other = try shard(1)
    let store = try open(home.path)
    for shard in [own, other] { try store.openShard(shard, epoch: Epoch(1)) }
    var random = SeededGenerator(seed: testSeed("bytes"))
    for sequence in 1...100 {
      let noise = (0..<2000).map { _ in UInt8.random(in: 0...255, using: &random) }
      var large = batch(own, from: Int64(sequence))
      large.events = [OpaquePayload(typeURL: "t", value: noise)]
      try await store.commit(large)
    }
    try await store.commit(batch(other, events: ["x"]))
    #expect((150_000...400_000).contains(store.approximateBytes(of: own)))
    #expect((1...1000).contains(store.approximateBytes(of: other)))
    try await store.drop(other, epoch: 2)
    #expect(store.approximateBytes(of: other) == 0)
    store.close()
    let reopened = try open(home.path)
    #expect((150_000...400_000).contains(reopened.approximateBytes(of: own)))
    #expect(reopened.approximateBytes(of: other) < 50_000)
    reopened.close()
    #expect(reopened.approximateBytes(of: own) == 0)
  }
}
