import Administration
import CloudstateModel
import CloudstateProtocol
import GRPCTransport
import ReplicatedData
import ShardStore
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct DataServiceTests {
  private let cluster: Cluster
  private let cart = EntityKey(persistenceID: "carts", entityID: "ada")

  init() throws { cluster = try Cluster() }

  private func entity(
    _ type: String, _ id: String, at node: Int = 0
  ) async throws -> Cloudstate_Admin_EntityState {
    try await cluster.call(
      node, "entity",
      Cloudstate_Admin_EntityRequest.with {
        $0.type = type
        $0.entityID = id
      })
  }

  private func expectRefusal(
    _ code: GRPCStatus.Code, saying words: String, _ body: () async throws -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    do {
      try await body()
      Issue.record("nothing was refused", sourceLocation: sourceLocation)
    } catch let status as GRPCStatus {
      #expect(status.code == code, "\(status)", sourceLocation: sourceLocation)
      #expect(status.message.contains(words), "\(status)", sourceLocation: sourceLocation)
    } catch {
      Issue.record("\(error)", sourceLocation: sourceLocation)
    }
  }

  @Test("Any node tells of an entity, by any name of its type", arguments: [1, 2, 3, 5, 8, 40])
  func entityState(_ events: Int64) async throws {
    for sequence in 1...events {
      try await cluster.commit(
        cart, sequence: sequence,
        snapshot: sequence == 3 ? OpaquePayload(typeURL: "t/test.Cart", value: [0x41]) : nil)
    }
    for type in ["carts", "shop.Cart", "Cart"] {
      for node in 0..<2 {
        let state = try await entity(type, "ada", at: node)
        #expect(state.lastSequence == events)
        #expect(state.firstTimeUnixMilliseconds == 1001)
        #expect(state.lastTimeUnixMilliseconds == 1000 + events)
        #expect(state.type.kind == "event-sourced")
        #expect(state.hasSnapshot == (events >= 3))
        let owner = try cluster.owner(of: state.shard)
        #expect(state.nodeID == owner.id.text)
        guard events >= 3 else { continue }
        #expect(state.snapshot.sequence == 3)
        #expect(state.snapshot.json == "\"A\"")
      }
    }
  }

  @Test("What is not there is said to be not there, and what can be asked for is named")
  func unknownEntities() async throws {
    await expectRefusal(.notFound, saying: "nothing is stored of entity carts|nobody") {
      _ = try await entity("carts", "nobody")
    }
    await expectRefusal(.notFound, saying: "prices (shop.Price)") {
      _ = try await entity("baskets", "ada")
    }
    await expectRefusal(.invalidArgument, saying: "shop.Price or old.Price") {
      _ = try await entity("Price", "tea")
    }
  }

  @Test("A journal is read in pages")
  func events() async throws {
    for sequence in 1...7 {
      try await cluster.commit(
        cart, sequence: Int64(sequence), type: sequence == 5 ? "Unknown" : "Added")
    }
    func page(from: Int64, limit: UInt32, at node: Int) async throws
      -> Cloudstate_Admin_EntityEvents
    {
      try await cluster.call(
        node, "events",
        Cloudstate_Admin_EntityEventsRequest.with {
          $0.type = "carts"
          $0.entityID = "ada"
          $0.fromSequence = from
          $0.limit = limit
        })
    }
    for node in 0..<2 {
      let first = try await page(from: 0, limit: 4, at: node)
      #expect(first.events.map(\.sequence) == [1, 2, 3, 4])
      #expect(first.nextSequence == 5)
      let second = try await page(from: 5, limit: 4, at: node)
      #expect(second.events.map(\.sequence) == [5, 6, 7])
      #expect(second.events.map(\.json) == ["", "\"v6\"", "\"v7\""])
      #expect(try await page(from: second.nextSequence, limit: 4, at: node).nextSequence == 0)
    }
    await expectRefusal(.notFound, saying: "carts|nobody") {
      let _: Cloudstate_Admin_EntityEvents = try await cluster.call(
        0, "events",
        Cloudstate_Admin_EntityEventsRequest.with {
          $0.type = "carts"
          $0.entityID = "nobody"
        })
    }
  }

  private func deltas(
    _ shard: UInt32, after: Cloudstate_Admin_BatchMark = .init(), upTo: UInt64, at node: Int
  ) async throws -> Cloudstate_Admin_ShardDeltas {
    try await cluster.call(
      node, "deltas",
      Cloudstate_Admin_ShardDeltasRequest.with {
        $0.shard = shard
        $0.after = after
        $0.upTo = upTo
      })
  }

  private func end(of shard: UInt32, at node: Int = 0) async throws -> Cloudstate_Admin_BatchMark {
    let state: Cloudstate_Admin_ShardState = try await cluster.call(
      node, "shard", Cloudstate_Admin_ShardStateRequest.with { $0.shard = shard })
    return state.end
  }

  @Test("Batches are given up to a position, and only to those who have the same ones before")
  func shardDeltas() async throws {
    var index: UInt32 = 0
    for sequence in 1...5 { index = try await cluster.commit(cart, sequence: Int64(sequence)) }
    for node in 0..<2 {
      let whole = try await deltas(index, upTo: 3, at: node)
      let read = try whole.deltas.map { try ShardDelta.open(Array($0), in: cluster.shard(index)) }
      #expect(read.map(\.position.number) == [1, 2, 3])
      var mark = try await end(of: index, at: node)
      #expect(mark.position == 5)
      #expect(try await deltas(index, after: mark, upTo: 5, at: node).deltas.isEmpty)
      await expectRefusal(.unavailable, saying: "ends at 5 here, before 6") {
        _ = try await deltas(index, after: mark, upTo: 6, at: node)
      }
      mark.timeUnixMilliseconds += 1
      await expectRefusal(.failedPrecondition, saying: "another batch at position 5") {
        _ = try await deltas(index, after: mark, upTo: 5, at: node)
      }
      mark.timeUnixMilliseconds -= 1
      mark.epoch = 9
      await expectRefusal(.failedPrecondition, saying: "another batch at position 5") {
        _ = try await deltas(index, after: mark, upTo: 5, at: node)
      }
    }
  }

  @Test(
    "A shard that has no owner, or whose owner has no answer, is worth another try; one that cannot be is not"
  )
  func owners() async throws {
    try await cluster.commit(cart, sequence: 1)
    cluster.topology.setOwner(nil, of: 1)
    await expectRefusal(.unavailable, saying: "no node owns shard 1") {
      _ = try await end(of: 1)
    }
    await expectRefusal(.invalidArgument, saying: "there is no shard 4") {
      _ = try await end(of: 4)
    }
    let other = try cluster.owner(of: 2).id == cluster.nodes[0].id ? 1 : 0
    cluster.topology.setOwner(cluster.nodes[other].id, of: 2)
    #expect(try await end(of: 2, at: 0).position == 0)
  }

  @Test("A node whose lease has ended says nothing: another may have taken over, and know more")
  func leases() async throws {
    try await cluster.commit(cart, sequence: 1)
    let index = cart.shardIndex(shardCount: Cluster.shardCount)
    let mark = try await end(of: index)
    cluster.topology.endLease(of: cluster.shard(index))
    let words = "not served by this node now"
    await expectRefusal(.unavailable, saying: words) { _ = try await end(of: index) }
    await expectRefusal(.unavailable, saying: words) { _ = try await entity("carts", "ada") }
    await expectRefusal(.unavailable, saying: words) {
      let request = Cloudstate_Admin_EntityEventsRequest.with {
        $0.type = "carts"
        $0.entityID = "ada"
      }
      let _: Cloudstate_Admin_EntityEvents = try await cluster.call(0, "events", request)
    }
    await expectRefusal(.unavailable, saying: words) {
      _ = try await deltas(index, after: .init(), upTo: mark.position, at: 0)
    }
  }

  @Test(
    "Copies of replicated entities are given in pages, bucket by bucket, by the node that is named")
  func replicas() async throws {
    // Large enough for several pages.
    let entities = (0..<40).map { EntityKey(persistenceID: "votes", entityID: "v\($0)") }
    let filler = [UInt8](repeating: 7, count: 60_000)
    let store = cluster.nodes[1].store
    for entity in entities {
      store.submit(
        ReplicaWrite(entity: entity, change: .whole(filler, replacingDeltasUpTo: 0)), token: 1,
        to: Done())
    }
    for entity in entities {
      try await eventually("the copy is stored") { try store.replica(of: entity) != nil }
    }
    func page(
      of node: Int, from bucket: UInt32, _ count: UInt32,
      after: Cloudstate_Admin_ReplicaName? = nil
    ) async throws -> Cloudstate_Admin_ReplicaCopies {
      try await cluster.call(
        0, "replicas",
        Cloudstate_Admin_ReplicaCopiesRequest.with {
          $0.nodeID = cluster.nodes[node].id.text
          $0.bucket = bucket
          $0.bucketCount = count
          if let after { $0.after = after }
        })
    }
    #expect(try await page(of: 0, from: 0, ReplicaBucket.count).copies.isEmpty)
    var (found, pages, last): ([String], Int, Cloudstate_Admin_ReplicaName?) = ([], 0, nil)
    while true {
      let next = try await page(of: 1, from: 0, ReplicaBucket.count, after: last)
      found += next.copies.map(\.name.entityID)
      pages += 1
      guard next.hasMore_p else { break }
      last = next.copies.last?.name
    }
    #expect(found.count == 40)
    #expect(Set(found) == Set(entities.map(\.entityID)))
    #expect(pages == 3)
    let bucket = ReplicaBucket(of: entities[3]).index
    let single = try await page(of: 1, from: bucket, 0)
    #expect(single.copies.map(\.name.entityID).contains("v3"))
    #expect(single.copies.first?.parts.map { Array($0) } == [filler])
    await expectRefusal(.invalidArgument, saying: "0 to 1023") {
      _ = try await page(of: 1, from: 1000, 25)
    }
  }

  @Test("Of a replicated entity its type and whether it was deleted is told")
  func replicatedEntity() async throws {
    let entity = EntityKey(persistenceID: "votes", entityID: "v")
    let store = cluster.nodes[1].store
    let whole = ReplicatedEntityState.live(ReplicatedValue(.gset)).encoded()
    store.submit(
      ReplicaWrite(entity: entity, change: .whole(whole, replacingDeltasUpTo: 0)), token: 1,
      to: Done())
    try await eventually("the copy is stored") { try store.replica(of: entity) != nil }
    let state = try await self.entity("votes", "v", at: 1)
    #expect(state.replica.type == "\(ReplicatedKind.gset)")
    #expect(!state.replica.deleted)
  }

  private final class Done: CommitSink {
    func completed(_ outcomes: [CommitOutcome]) {}
  }
}
