import CloudstateModel
import Eventing
import TestSupport
import Testing

@Suite struct SubjectFilterTests {
  private func filter(_ patterns: String...) throws -> SubjectFilter {
    SubjectFilter(
      patterns: try patterns.map { try #require(SubjectPattern($0)) }, service: try testService())
  }

  @Test(
    "A pattern that cannot match an event of the service matches nothing",
    arguments: [
      "cs.evt.other.>", "cs.cmd.cart.>", "cs.evt.cart.carts.user1", "cs.evt.cart.a.b.c.d", "x.>",
      "cs.evt.cart.a.b.c.>",
    ])
  func impossible(_ pattern: String) throws {
    let filter = try filter(pattern)
    #expect(filter.matchesNothing)
    #expect(filter.relevantShards(shardCount: 8) == [])
    #expect(filter.matches(in: batch(1, types: ["Added"]), of: 0) == [])
  }

  @Test(
    "A pattern that leaves the entity open reads all shards",
    arguments: [
      ">", "*.>", "cs.>", "cs.evt.>", "cs.evt.cart.>", "cs.evt.*.carts.>", "cs.evt.cart.*.user1.*",
      "cs.evt.cart.*.*.Added",
    ])
  func allShards(_ pattern: String) throws {
    let filter = try filter(pattern)
    #expect(filter.relevantShards(shardCount: 4) == [0, 1, 2, 3])
    #expect(filter.matches(in: batch(1, types: ["Added"]), of: 0).count == 1)
  }

  @Test("A pattern that names an entity reads the entity's shard only, escapes included")
  func oneShard() throws {
    let key = EntityKey(persistenceID: "carts", entityID: "user.1 *")
    let filter = try filter("cs.evt.cart.carts.\(SubjectToken.escape(key.entityID)).>")
    #expect(filter.relevantShards(shardCount: 64) == [key.shardIndex(shardCount: 64)])
    #expect(filter.matches(in: batch(1, entity: key.entityID, types: ["A"]), of: 0).count == 1)
    #expect(filter.matches(in: batch(1, entity: "user", types: ["A"]), of: 0) == [])
  }

  @Test("The last matching event of a batch is marked, and indices count all events")
  func marks() throws {
    let filter = try filter("cs.evt.cart.*.*.Added")
    let matches = filter.matches(
      in: batch(7, types: ["Removed", "Added", "Added", "Removed"]), of: 3)
    #expect(matches.map(\.index) == [1, 2])
    #expect(matches.map(\.isLastOfBatch) == [false, true])
    #expect(
      matches.map(\.subject.text) == Array(repeating: "cs.evt.cart.carts.user1.Added", count: 2))
  }

  @Test(
    "A service is named by its bytes, not by what Unicode takes for the same",
    arguments: ["cs.evt.\u{212A}YC.>", "cs.evt.\u{212A}YC.*.*.*", "*.*.\u{212A}YC.carts.>"])
  func bytes(_ text: String) throws {
    let pattern = try #require(SubjectPattern(text))
    let filter = SubjectFilter(
      patterns: [pattern], service: try #require(ServiceName("KYC")))
    #expect(filter.matchesNothing)
    #expect(filter.narrowed(to: EntityKey(persistenceID: "carts", entityID: "a")) == nil)
  }

  @Test("An entity is named by its bytes, too")
  func entityBytes() throws {
    let filter = try filter("cs.evt.cart.\u{212A}.*.*")
    #expect(filter.narrowed(to: EntityKey(persistenceID: "K", entityID: "a")) == nil)
    #expect(filter.narrowed(to: EntityKey(persistenceID: "\u{212A}", entityID: "a")) != nil)
  }

  @Test("The narrowed filter agrees with the pattern for random patterns and subjects")
  func agreesWithPatterns() throws {
    var random = SeededGenerator(seed: testSeed("subject filter"))
    let service = try testService()
    let names = ["carts", "cart", "user1", "Added", "a.b"]
    for _ in 0..<800 {
      let tokens = (0..<Int.random(in: 1...6, using: &random)).map { index -> String in
        switch Int.random(in: 0..<5, using: &random) {
        case 0: "*"
        case 1: SubjectToken.escape(names.randomElement(using: &random) ?? "")
        default: index < 3 ? ["cs", "evt", "cart"][index] : "carts"
        }
      }
      let text = (tokens + (Bool.random(using: &random) ? [">"] : [])).joined(separator: ".")
      let pattern = try #require(SubjectPattern(text))
      let entity = EntityKey(
        persistenceID: names.randomElement(using: &random) ?? "",
        entityID: names.randomElement(using: &random) ?? "")
      let type = "t/x.\(names.randomElement(using: &random) ?? "")"
      let subject = Subject.event(service: service, entity: entity, typeURL: type)
      let filter = SubjectFilter(patterns: [pattern], service: service)
      let found = filter.narrowed(to: entity)?.subject(ofType: type) != nil
      #expect(found == pattern.matches(subject), "\(pattern) and \(subject)")
      if found {
        let shards = filter.relevantShards(shardCount: 16)
        #expect(shards.contains(entity.shardIndex(shardCount: 16)), "\(pattern) and \(subject)")
      }
    }
  }
}
