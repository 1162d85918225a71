import CloudstateModel
import Foundation
import RocksDB
import ShardStore
import TestSupport
import Testing

/// Real nodes on databases whose records are not what this software wrote.
@Suite(.serialized) struct DamagedStoreTests {
  @Test("A database of a newer format is refused in words, and left as it is")
  func newerFormat() async throws {
    let cluster = try await TestCluster(nodes: 1)
    try await cluster.stop()
    let data = data(of: cluster)
    let key = StoreKey.databaseVersion
    try write(
      DatabaseVersionRecord(StoredFormat.databaseVersion + 1).sealed(under: key.bytes), at: key,
      of: data)
    // Twice: the first refusal must not have changed anything.
    for _ in 0..<2 {
      let result = try await runTool(
        "cs-node",
        [
          "--service", "cart", "--node-id", "cart-1", "--function", "127.0.0.1:1", "--listen",
          "127.0.0.1:0", "--data", data,
        ])
      #expect(result.status == .code(1), "\(result.talk)")
      #expect(
        result.talk.contains("format version \(StoredFormat.databaseVersion + 1)"), "\(result.talk)"
      )
      #expect(result.talk.contains("start the newer cs-node"), "\(result.talk)")
    }
  }

  @Test("A damaged event is named to who asks for its entity, and all others are served")
  func damagedEvent() async throws {
    let shards: UInt32 = 4
    let cluster = try await TestCluster(nodes: 1, shards: Int(shards))
    for user in ["hurt", "well"] { #expect(try await add(to: cluster, user).status == .code(0)) }
    try await cluster.stop()

    let entity = EntityKey(persistenceID: "shopping-cart", entityID: "hurt")
    let service = try #require(ServiceName("cart"))
    let shard = ShardID(service: service, index: entity.shardIndex(shardCount: shards))
    try write([1, 2, 3], at: .journal(shard, entity, SequenceNumber(1)), of: data(of: cluster))
    try await cluster.start()

    let hurt = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "--timeout", "20s", "ShoppingCart/GetCart", #"{"userId":"hurt"}"#,
      ])
    #expect(hurt.status == .code(3), "\(hurt.talk)")
    #expect(hurt.talk.contains("hurt"), "\(hurt.talk)")
    let others = (0..<6).map { "other-\($0)" }
    for user in others
    where EntityKey(persistenceID: "shopping-cart", entityID: user)
      .shardIndex(shardCount: shards) != shard.index
    {
      #expect(try await add(to: cluster, user).status == .code(0))
    }
  }

  @Test(
    "A node with a damaged record hands its shard to the other copy, and gets a new copy from there"
  )
  func recoveryFromReplica() async throws {
    let shards: UInt32 = 4
    let cluster = try await TestCluster(
      nodes: 2, shards: Int(shards), nodeArguments: ["--replication", "2"], hasAdmin: true)
    for number in 0..<16 {
      #expect(try await add(to: cluster, "user-\(number % 8)").status == .code(0))
    }
    try await cluster.waitUntilInSync()
    let node = try #require(cluster.nodes.first)
    let path = "\(cluster.folder.path)/\(node.name)"
    let own = Set(
      try await cluster.shards().filter { $0.primary == node.name }.map(\.shard))
    try await cluster.stop()

    // Of every entity that the node answers for, an event in the node's copy. (A copy that nobody reads is not
    // looked at; data verify does that.)
    let service = try #require(ServiceName("cart"))
    var hurt = 0
    for number in 0..<8 {
      let entity = EntityKey(persistenceID: "shopping-cart", entityID: "user-\(number)")
      let shard = ShardID(service: service, index: entity.shardIndex(shardCount: shards))
      guard own.contains("\(shard)") else { continue }
      hurt += 1
      try write([0xde, 0xad, 0xbe, 0xef], at: .journal(shard, entity, SequenceNumber(2)), of: path)
    }
    try #require(hurt > 0)
    let damaged = try await runTool("cs-admin", ["data", "verify", path])
    #expect(damaged.status == .code(1), "\(damaged.output)")
    #expect(damaged.talk.contains("user-"), "\(damaged.talk)")

    try await cluster.start()
    for number in 0..<8 {
      let cart = try await runTool(
        "cs-send",
        [
          "-s", cluster.servers, "--retry", "--timeout", "30s", "ShoppingCart/GetCart",
          #"{"userId":"user-\#(number)"}"#, "--raw",
        ], within: .seconds(40))
      #expect(cart.status == .code(0), "\(cart.talk)")
      #expect(cart.output.contains(#""quantity":2"#), "\(cart.output)")
    }
    try await cluster.waitUntilInSync()
    try await cluster.stop()

    let paths = cluster.nodes.map { "\(cluster.folder.path)/\($0.name)" }
    let both = try await runTool("cs-admin", ["data", "verify"] + paths)
    #expect(both.status == .code(0), "\(both.talk)")
  }

  @Test(
    "A node and a coordinator whose files are damaged do not start, say which, and change nothing")
  func damagedFiles() async throws {
    let cluster = try await TestCluster(nodes: 1, shards: 2)
    #expect(try await add(to: cluster, "ada").status == .code(0))
    let folder = cluster.folder.path
    let running = try await runTool("cs-admin", ["data", "verify", "\(folder)/cart-1"])
    #expect(running.status == .code(7), "\(running.talk)")
    #expect(running.talk.contains("stop it first"), "\(running.talk)")
    try await cluster.stop()
    let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    let parent = try await runTool("cs-admin", ["data", "verify", "\(folder)/"])
    #expect(parent.status == .code(5), "\(parent.talk)")
    #expect(
      parent.talk.contains("try those in it: cs-admin data verify \(folder)/cart-1\n"),
      "\(parent.talk)")
    let wrong = try await runTool("cs-admin", ["data", "verify", "\(folder)/coordinator"])
    #expect(wrong.status == .code(5), "\(wrong.talk)")
    #expect(wrong.talk.contains("is a coordinator's directory"), "\(wrong.talk)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
    var random = SeededGenerator(seed: testSeed("damaged files of programs"))
    for (directory, program) in [("cart-1", "cs-node"), ("coordinator", "cs-coordinator")] {
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(directory)")
      for prefix in ["MANIFEST", "CURRENT"] {
        let name = try #require(names.first { $0.hasPrefix(prefix) })
        let copy = "\(folder)/damaged-\(directory)-\(prefix)"
        try FileManager.default.copyItem(atPath: "\(folder)/\(directory)", toPath: copy)
        let file = URL(fileURLWithPath: "\(copy)/\(name)")
        var bytes = [UInt8](try Data(contentsOf: file))
        // In the middle: what stands behind cannot be taken for the end that a crash has left.
        let place = Int.random(in: 0..<(bytes.count / 2), using: &random)
        bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        try Data(bytes).write(to: file)
        let result = try await start(program, on: copy)
        #expect(result.status == .code(1), "\(name) at \(place): \(result.talk)")
        #expect(result.talk.contains(copy), "\(name) at \(place): \(result.talk)")
        #expect([UInt8](try Data(contentsOf: file)) == bytes, "\(name) was changed")
      }
    }
  }

  private func start(_ program: String, on data: String) async throws -> ProgramResult {
    let own =
      program == "cs-node"
      ? [
        "--service", "cart", "--node-id", "cart-1", "--function", "127.0.0.1:1", "--listen",
        "127.0.0.1:0", "--shards", "2",
      ] : ["--bus", "tcp://127.0.0.1:\(try freePort())"]
    return try await runTool(program, own + ["--data", data])
  }

  private func data(of cluster: TestCluster) -> String { "\(cluster.folder.path)/cart-1" }

  private func write(_ value: [UInt8], at key: StoreKey, of path: String) throws {
    let database = try Database.open(
      path: path, options: DatabaseOptions(),
      families: StoreFamily.allCases.map { ColumnFamilyOptions(name: $0.rawValue) })
    var batch = WriteBatch(for: database)
    batch.put(key.bytes, value, in: try #require(database.family(key.family.rawValue)))
    try database.write(batch, sync: true)
  }

  private func add(to cluster: TestCluster, _ user: String) async throws -> ProgramResult {
    try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "ShoppingCart/AddItem",
        #"{"userId":"\#(user)","productId":"tea","name":"Tea","quantity":1}"#,
      ])
  }
}
