import CloudstateModel
import Testing

@Suite("The shard of an entity is part of the stored format")
struct ShardHashTests {
  /// A failure here means that entities of existing stores would not be found again.
  @Test(
    arguments: [
      ("shopping-cart", "user1", 64, 35),
      ("shopping-cart", "user2", 64, 62),
      ("a", "b", 1024, 555),
      ("", "", 64, 59),
      ("ab", "", 1000, 654),
      ("a", "b\0", 1000, 723),
      ("übung", "\u{1f600}", 4096, 2247),
      ("counter", "1", 1, 0),
    ] as [(String, String, UInt32, UInt32)])
  func knownVectors(persistenceID: String, entityID: String, shards: UInt32, shard: UInt32) {
    let key = EntityKey(persistenceID: persistenceID, entityID: entityID)
    #expect(key.shardIndex(shardCount: shards) == shard)
  }

  @Test func theBorderBetweenTheIdsCounts() {
    let first = EntityKey(persistenceID: "ab", entityID: "c").shardIndex(shardCount: .max)
    let second = EntityKey(persistenceID: "a", entityID: "bc").shardIndex(shardCount: .max)
    #expect(first != second)
  }

  /// Short, similar keys fill 64 shards evenly: 64 000 keys give 1000 per shard, standard deviation
  /// about 31; six of them are allowed.
  @Test(arguments: ["user", "", "0000000000000000"])
  func keysSpread(prefix: String) {
    var counts = [Int](repeating: 0, count: 64)
    for number in 0..<64_000 {
      let key = EntityKey(persistenceID: "cart", entityID: "\(prefix)\(number)")
      counts[Int(key.shardIndex(shardCount: 64))] += 1
    }
    #expect(counts.allSatisfy { (810...1190).contains($0) }, "\(counts)")
  }
}
