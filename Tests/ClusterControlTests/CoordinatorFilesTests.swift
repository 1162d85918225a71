import CloudstateModel
import Foundation
import TestSupport
import Testing

@testable import ClusterControl

/// Damage of any file of the coordinator's database is found and named, or what it holds is what it held: no plan is
/// made from what only looks like the newest one.
@Suite(.serialized) struct CoordinatorFilesTests {
  private let place: TemporaryDirectory
  private let image: String
  private let records: [CoordinatorRecord]

  /// A database with two plans in tables and two in the log, as a crash would leave it.
  init() throws {
    place = try TemporaryDirectory()
    image = "\(place.path)/image"
    records = try (1...4).map { number in
      CoordinatorRecord(
        coordinatorID: "identity", version: number, services: [try service(): 8],
        members: [try node("a"): ClusterMember(info: try card("a"), liveness: .alive)],
        plan: Plan(
          number: number, reason: "plan \(number)", createdAt: at(5).wall,
          shards: try (0..<UInt32(8)).map {
            ShardAssignment(shard: try shard($0), primary: try node("a"), epoch: Epoch(number))
          }))
    }
    let data = "\(place.path)/data"
    for part in 0..<2 {
      let store = try RocksDBCoordinatorStore(path: data)
      _ = try store.load()
      for record in records[(part * 2)..<(part * 2 + 2)] { try store.save(record) }
      if part == 1 { try FileManager.default.copyItem(atPath: data, toPath: image) }
      store.close()
    }
    try FileManager.default.removeItem(atPath: "\(image)/LOCK")
  }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: image).sorted() }
  }

  private func copy() throws -> String {
    let data = "\(place.path)/\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: image, toPath: data)
    return data
  }

  @Test("Every kind of file, harmed in every way")
  func harmed() throws {
    #expect(try load(copy()) == records.last)
    for kind in DatabaseFileKind.allCases {
      let own = try names.filter(kind.matches)
      try #require(!own.isEmpty)
      for harm in FileHarm.allCases {
        var random = SeededGenerator(seed: testSeed("damaged coordinator files, \(kind) \(harm)"))
        for round in 0..<max(FileHarm.rounds, own.count) {
          let name = own[round % own.count]
          let data = try copy()
          let file = URL(fileURLWithPath: "\(data)/\(name)")
          var bytes = [UInt8](try Data(contentsOf: file))
          guard let done = harm.apply(to: &bytes, using: &random) else { continue }
          try Data(bytes).write(to: file)
          // Such an end of the log is what a crash leaves.
          let looksLikeCrash = kind == .log && (harm == .truncation || harm == .zeroedBlock)
          try check(data, "\(name): \(done)", mayMissEnd: looksLikeCrash)
          try FileManager.default.removeItem(atPath: data)
        }
      }
    }
  }

  @Test("The list of files, cut behind each of its records, or zeros from there on")
  func cutList() throws {
    let name = try #require(try names.first(where: DatabaseFileKind.manifest.matches))
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(image)/\(name)")))
    let ends = recordEnds(in: whole).dropLast()
    #expect(ends.count > 3)
    for end in ends {
      for filling in [0, whole.count - end] {
        let data = try copy()
        try Data(whole.prefix(end) + [UInt8](repeating: 0, count: filling))
          .write(to: URL(fileURLWithPath: "\(data)/\(name)"))
        try check(
          data, "\(name) of \(whole.count) cut at \(end), \(filling) zeros", mayMissEnd: false)
        try FileManager.default.removeItem(atPath: data)
      }
    }
  }

  @Test("Files that are missing")
  func missing() throws {
    for name in try names where DatabaseFileKind.allCases.contains(where: { $0.matches(name) }) {
      let data = try copy()
      try FileManager.default.removeItem(atPath: "\(data)/\(name)")
      // The log is named nowhere while it is written.
      // Twice: a service that does not start is started again.
      for _ in 0..<2 {
        try check(data, "\(name) is missing", mayMissEnd: name.hasSuffix(".log"))
      }
    }
  }

  /// - Parameter mayMissEnd: the last writes may be gone without a word. Nodes that follow a newer plan tell then.
  private func check(_ data: String, _ what: Comment, mayMissEnd: Bool) throws {
    let before = try contents(of: data)
    do throws(ClusterError) {
      let found = try load(data)
      if mayMissEnd {
        #expect(found.map(records.contains) ?? false, what)
        #expect((found?.plan.number ?? 0) >= 2, what)
      } else {
        #expect(found == records.last, what)
      }
    } catch {
      #expect(error.message.contains(data), "\(what): \(error)")
      // Whoever is told to keep the folder finds in it what was found.
      #expect(try contents(of: data) == before, what)
    }
  }

  private func load(_ data: String) throws(ClusterError) -> CoordinatorRecord? {
    let store = try RocksDBCoordinatorStore(path: data)
    defer { store.close() }
    let record = try store.load()
    // What an operator looks at counts, too.
    let history = try? store.planHistory(limit: 10)
    if let record, let history {
      #expect(history.map(\.number) == Array((1...record.plan.number).reversed()))
    }
    return record
  }

  /// All files but those that RocksDB writes its log messages to, and locks.
  private func contents(of data: String) throws -> [String: Data] {
    var contents: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: data)
    where name != "LOCK" && !name.hasPrefix("LOG") {
      let path = "\(data)/\(name)"
      contents[name] = try Data(contentsOf: URL(fileURLWithPath: path))
    }
    return contents
  }
}
