import CloudstateModel
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
    let others = (0..<20).map { "other-\($0)" }
    for user in others
    where EntityKey(persistenceID: "shopping-cart", entityID: user)
      .shardIndex(shardCount: shards) != shard.index
    {
      #expect(try await add(to: cluster, user).status == .code(0))
    }
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
