import Backup
import CloudstateModel
import Foundation
import Logging
import ShardStore
import TestSupport
import Testing

/// Damage of any file of a node's store is found: the store does not open, or names the shard, or what it holds
/// is what it held. Nothing is dropped without a word.
@Suite(.serialized) struct DamagedFilesTests {
  private static let shardCount: UInt32 = 2

  private let place: TemporaryDirectory
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  private let service: ServiceName

  init() throws {
    place = try TemporaryDirectory()
    service = try #require(ServiceName("cart"))
  }

  private func shard(_ index: UInt32) -> ShardID { ShardID(service: service, index: index) }

  /// What each shard holds: the digests at each position.
  private typealias Content = [UInt32: [BatchChain]]

  @Test("Every kind of file")
  func damage() async throws {
    let image = "\(place.path)/image"
    try await makeImage(image)
    let sound = try content(of: copy(image))
    #expect(sound.values.allSatisfy { $0.count == 60 })
    let names = try FileManager.default.contentsOfDirectory(atPath: image).sorted()
    for kind in DatabaseFileKind.allCases {
      let own = names.filter(kind.matches)
      try #require(!own.isEmpty)
      for harm in FileHarm.allCases {
        var random = SeededGenerator(seed: testSeed("damaged files, \(kind) \(harm)"))
        for round in 0..<max(FileHarm.rounds, FileHarm.rounds / 2 * min(own.count, 4)) {
          let name = own[round % own.count]
          let data = try copy(image)
          let file = URL(fileURLWithPath: "\(data)/\(name)")
          var bytes = [UInt8](try Data(contentsOf: file))
          guard let done = harm.apply(to: &bytes, using: &random) else { continue }
          try Data(bytes).write(to: file)
          try check(data, name, "\(name): \(done)", against: sound, kind: kind, harm: harm)
          try FileManager.default.removeItem(atPath: data)
        }
      }
    }
  }

  @Test("Files that are missing")
  func missing() async throws {
    let image = "\(place.path)/image"
    try await makeImage(image)
    let sound = try content(of: copy(image))
    let names = try FileManager.default.contentsOfDirectory(atPath: image)
    for name in names {
      guard let kind = DatabaseFileKind.allCases.first(where: { $0.matches(name) }) else {
        continue
      }
      let data = try copy(image)
      try FileManager.default.removeItem(atPath: "\(data)/\(name)")
      let others = try FileManager.default.contentsOfDirectory(atPath: data).filter {
        $0.hasSuffix(".sst") || $0.hasPrefix("MANIFEST")
      }
      do throws(StoreError) {
        let found = try content(of: data)
        for (index, chains) in sound {
          let held = found[index] ?? []
          // The log is named nowhere while it is written: without it the end is missing, and only the end.
          #expect(held == (kind == .log ? Array(chains.prefix(held.count)) : chains), "\(name)")
        }
      } catch {
        #expect(error.message.contains(data), "\(error)")
        let left = try FileManager.default.contentsOfDirectory(atPath: data)
        #expect(Set(others).isSubset(of: left), "files were deleted")
      }
    }
  }

  @Test("The list of files, cut behind each of its records")
  func cutManifest() async throws {
    let image = "\(place.path)/image"
    try await makeImage(image)
    let sound = try content(of: copy(image))
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: image).first(
        where: DatabaseFileKind.manifest.matches)
    )
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(image)/\(name)")))
    let ends = recordEnds(in: whole).dropLast()
    #expect(ends.count > 5)
    for end in ends {
      let data = try copy(image)
      try Data(whole.prefix(end)).write(to: URL(fileURLWithPath: "\(data)/\(name)"))
      try check(
        data, name, "\(name) cut at \(end) of \(whole.count)", against: sound, kind: .manifest,
        harm: .truncation)
      try FileManager.default.removeItem(atPath: data)
    }
    // Records behind a gap: RocksDB would go on as if the file ended there.
    for (start, end) in zip(ends, ends.dropFirst()) {
      let data = try copy(image)
      let file = URL(fileURLWithPath: "\(data)/\(name)")
      var bytes = whole
      for index in start..<end { bytes[index] = 0 }
      try Data(bytes).write(to: file)
      let error = #expect(throws: StoreError.self) { try content(of: data) }
      #expect(error?.code == .corruptRecord)
      #expect(error?.message.contains("\(name): there is no record at byte \(start)") == true)
      #expect([UInt8](try Data(contentsOf: file)) == bytes)
      try FileManager.default.removeItem(atPath: data)
    }
  }

  private func check(
    _ data: String, _ name: String, _ what: Comment, against sound: Content, kind: DatabaseFileKind,
    harm: FileHarm
  ) throws {
    let found: Content
    do throws(StoreError) {
      found = try content(of: data)
    } catch {
      // Named, and still there for whoever wants to look at it.
      #expect(error.message.contains(data) || error.message.contains("shard"), "\(what): \(error)")
      #expect(FileManager.default.fileExists(atPath: "\(data)/\(name)"), what)
      return
    }
    for (index, chains) in sound {
      let held = found[index] ?? []
      if kind == .log, harm == .truncation || harm == .zeroedBlock {
        // What a crash leaves looks the same: the end of the log may be missing, or be room that was never written,
        // and only the end.
        #expect(held == Array(chains.prefix(held.count)), what)
      } else {
        #expect(held == chains, "\(what): shard \(index) has \(held.count) batches")
      }
    }
  }

  /// Reads everything there is.
  private func content(of data: String) throws(StoreError) -> Content {
    let store = try RocksDBShardStore.open(path: data, logger: logger)
    defer { store.close() }
    var content: Content = [:]
    for index in 0..<Self.shardCount {
      _ = try store.verify(shard(index))
      var (chains, chain, end) = ([BatchChain](), BatchChain.start, Position.start)
      while true {
        let page = try store.deltas(of: shard(index), after: end, byteLimit: 1 << 20)
        guard let last = page.last else { break }
        for delta in page {
          chain.add(delta)
          chains.append(chain)
        }
        end = last.position
      }
      content[index] = chains
    }
    return content
  }

  /// Writes a store whose first half is in tables and whose second half is in the log, and copies its files as a
  /// crash would leave them.
  private func makeImage(_ image: String) async throws {
    let data = "\(place.path)/data"
    for part in 0..<2 {
      let store = try RocksDBShardStore.open(path: data, logger: logger)
      for index in 0..<Self.shardCount {
        let shard = shard(index)
        let start = try store.openShard(shard, epoch: Epoch(UInt64(part) + 1)).number
        for number in (start + 1)...(start + 30) {
          let entity = EntityKey(persistenceID: "carts", entityID: "e\(number % 5)")
          let sequence = Int64((number - 1) / 5 + 1)
          store.submit(
            ShardBatch(
              shard: shard, epoch: Epoch(UInt64(part) + 1), entity: entity,
              time: Timestamp(unixMilliseconds: Int64(number)),
              firstSequence: SequenceNumber(sequence),
              events: [
                OpaquePayload(
                  typeURL: "t/test.Added",
                  value: [UInt8](repeating: UInt8(number), count: 100 + Int(number)))
              ]),
            token: number, to: Ignored())
        }
        try await eventually("the batches are committed") {
          try store.lastPosition(of: shard).number == start + 30
        }
      }
      if part == 1 { try FileManager.default.copyItem(atPath: data, toPath: image) }
      store.close()
    }
    // Of the program that ran.
    try? FileManager.default.removeItem(atPath: "\(image)/LOCK")
  }

  private func copy(_ image: String) throws -> String {
    let data = "\(place.path)/copy-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: image, toPath: data)
    return data
  }

  private final class Ignored: CommitSink {
    func completed(_ outcomes: [CommitOutcome]) {}
  }
}
