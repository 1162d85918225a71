import CloudstateModel
import CloudstateProtocol
import Eventing
import GRPCTransport
import MessageBus
import NIOCore
import NIOPosix
import ShardStore
import SwiftProtobuf
import TestSupport
import Testing

/// The service over in-memory stores and buses: three nodes, shards spread over them.
@Suite struct EventStreamsServiceTests {
  private let users = (1...12).map { "user\($0)" }

  @Test("Any node shows the stored events of all shards and then the new ones, each once, in order")
  func allFromEveryNode() async throws {
    let cluster = try Cluster()
    for user in users { try cluster.commit(entity: user, types: ["Added", "Removed"], first: 1) }
    for node in 0..<3 {
      let tail = try await cluster.tail(node) { $0.start = .all }
      try await eventually("stored events arrive") { tail.events.count >= 24 && tail.isCaughtUp }
      let before = tail.events.count
      #expect(before == 24 + node * 12)
      for user in users {
        try cluster.commit(entity: user, types: ["Changed"], first: Int64(3 + node))
      }
      try await eventually("new events arrive") { tail.events.count >= before + 12 }
      #expect(tail.events.count == before + 12)
      for (_, events) in Dictionary(grouping: tail.events, by: \.entityID) {
        #expect(events.map(\.sequence) == Array(1...Int64(events.count)))
      }
      try await tail.cancel()
    }
  }

  @Test("An event carries its subject, address and JSON")
  func eventFields() async throws {
    let cluster = try Cluster()
    let shard = try cluster.commit(entity: "a.b", types: ["Added", "Removed"], first: 1)
    try await eventually("the batch is committed") { try cluster.committedCount == 1 }
    let tail = try await cluster.tail(0) {
      $0.start = .all
      $0.subjects = ["cs.evt.cart.carts.a%2Eb.Removed"]
      $0.endAtCurrent = true
    }
    try await eventually("the call ends") { tail.end != nil }
    #expect(tail.end == .ok)
    let event = try #require(tail.events.first)
    #expect(tail.events.count == 1)
    #expect(event.subject == "cs.evt.cart.carts.a%2Eb.Removed")
    #expect(event.shard == shard)
    #expect(event.position == 1)
    #expect(event.index == 1)
    #expect(event.lastOfBatch)
    #expect(event.epoch == 1)
    #expect(event.sequence == 2)
    #expect(event.timeUnixMilliseconds == 1000)
    #expect(event.json == #"{"type":"t/test.Removed","bytes":1}"#)
    #expect(Array(event.payload) == [7])
  }

  @Test("NEW shows only what is committed after it has caught up")
  func new() async throws {
    let cluster = try Cluster()
    for user in users { try cluster.commit(entity: user, types: ["Old"], first: 1) }
    try await eventually("everything is committed") { try cluster.committedCount == 12 }
    let tail = try await cluster.tail(1) { _ in }
    try await eventually("the tail has begun") { tail.isCaughtUp }
    for user in users { try cluster.commit(entity: user, types: ["New"], first: 2) }
    try await eventually("new events arrive") { tail.events.count >= 12 }
    #expect(tail.events.allSatisfy { $0.typeURL == "t/test.New" })
  }

  @Test("Lost notices only cost time: the poll finds the events")
  func lostNotices() async throws {
    let cluster = try Cluster()
    cluster.network.lose { $0.subject.text.hasPrefix("cs.notice.") }
    let tail = try await cluster.tail(0) { $0.start = .all }
    try await eventually("the tail has begun") { tail.isCaughtUp }
    for user in users { try cluster.commit(entity: user, types: ["Added"], first: 1) }
    try await eventually("all events arrive") { tail.events.count == 12 }
  }

  @Test("An owner out of reach is told of, the others go on, and nothing is lost when it is back")
  func partition() async throws {
    let cluster = try Cluster()
    let tail = try await cluster.tail(0) { $0.start = .all }
    try await eventually("the tail has begun") { tail.isCaughtUp }
    cluster.network.partition(cluster.nodes[0].id, cluster.nodes[1].id)
    for user in users { try cluster.commit(entity: user, types: ["Added"], first: 1) }
    let away = cluster.nodes[1].id
    let reachable = users.filter { user in
      let key = EntityKey(persistenceID: "carts", entityID: user)
      return cluster.topology.owner(of: key.shardIndex(shardCount: Cluster.shardCount)) != away
    }
    try await eventually("the others' events arrive") { tail.events.count >= reachable.count }
    try await eventually("the outage is told of") {
      tail.notices.contains { $0.contains("node n2 does not answer") }
    }
    #expect(tail.events.count == reachable.count)
    cluster.network.healAll()
    for node in cluster.nodes {
      for other in cluster.nodes where other.id != node.id {
        node.bus.connect(to: other.bus.peer())
      }
    }
    try await eventually("the rest arrives") { tail.events.count == users.count }
    try await eventually("the return is told of") {
      tail.notices.contains { $0.contains("can be read again") }
    }
  }

  @Test("A tail that reconnects at another node with its cursors goes on without gap or repetition")
  func reconnect() async throws {
    let cluster = try Cluster()
    for user in users { try cluster.commit(entity: user, types: ["A", "B"], first: 1) }
    let first = try await cluster.tail(0) { $0.start = .all }
    try await eventually("stored events arrive") { first.events.count == 24 }
    try await first.cancel()
    var cursors: [UInt32: UInt64] = [:]
    for event in first.events where event.lastOfBatch { cursors[event.shard] = event.position }
    for user in users { try cluster.commit(entity: user, types: ["C"], first: 3) }
    let second = try await cluster.tail(2) { request in
      request.start = .all
      request.cursors = cursors.map { cursor($0.key, $0.value) }
    }
    try await eventually("new events arrive") { second.events.count >= 12 }
    #expect(second.events.allSatisfy { $0.typeURL == "t/test.C" })
  }

  @Test("A slow client stops the reading; it goes on when the client takes more")
  func backPressure() async throws {
    let cluster = try Cluster {
      $0.tail.readByteLimit = 1
      $0.tail.maximumOutstandingReads = 1
    }
    let count = 200
    for number in 0..<count {
      try cluster.commit(entity: "user1", types: ["Added"], first: Int64(number + 1))
    }
    let tail = try await cluster.tail(0) {
      $0.start = .all
      $0.subjects = ["cs.evt.cart.carts.user1.*"]
    }
    try await tail.setWritable(false)
    let sent = tail.events.count
    // One read may have been under way; then the tail must rest, whatever is committed.
    try cluster.commit(entity: "user1", types: ["Added"], first: Int64(count + 1))
    try await tail.eventLoop.scheduleTask(in: .milliseconds(300)) {}.futureResult.get()
    #expect(tail.events.count <= sent + 1)
    try await tail.setWritable(true)
    try await eventually("all events arrive") { tail.events.count == count + 1 }
    #expect(tail.events.map(\.sequence) == Array(1...Int64(count + 1)))
  }

  @Test("A shard without owner is told of and described")
  func unassigned() async throws {
    let cluster = try Cluster()
    cluster.topology.setOwner(nil, of: 2)
    let call = try await cluster.call(1, EventStreamsService.describePath, ByteBuffer())
    try await eventually("the description arrives") { call.end != nil }
    let message = try #require(call.messages.first)
    let description = try Cloudstate_Streams_DescribeResponse(decoding: message)
    #expect(description.service == "cart")
    #expect(description.nodeID == "n2")
    #expect(description.shardCount == 6)
    #expect(description.planNumber == 3)
    #expect(description.nodes.map(\.nodeID) == ["n1", "n2", "n3"])
    #expect(description.shards.map(\.primary) == ["n1", "n2", "", "n1", "n2", "n3"])
    #expect(description.shards.map(\.error.isEmpty) == [true, true, false, true, true, true])
  }

  @Test("A node does not answer for shards it does not own")
  func notOwner() async throws {
    let cluster = try Cluster()
    let shard = ShardID(service: cluster.service, index: 0)
    let request = Cloudstate_Internal_Cluster_StreamReadRequest.with {
      $0.service = "cart"
      $0.shard = 0
      $0.byteLimit = 100
    }
    let bus = cluster.nodes[0].bus
    let response = try await withCheckedThrowingContinuation { continuation in
      bus.request(
        .streamRead(shard), payload: request.encoded, to: cluster.nodes[1].id,
        timeout: .seconds(5), on: MultiThreadedEventLoopGroup.singleton.any()
      ) { continuation.resume(with: $0) }
    }
    let answer = try Cloudstate_Internal_Cluster_StreamReadResponse(decoding: response)
    #expect(answer.error.contains("does not own shard 0"))
  }

  @Test("Wrong requests are refused, and so is one tail too many")
  func refusals() async throws {
    let cluster = try Cluster { $0.maximumTails = 1 }
    let wrong = try await cluster.tail(0) { $0.subjects = ["a..b"] }
    #expect(wrong.end?.code == .invalidArgument)
    let empty = try await cluster.call(0, EventStreamsService.tailPath, ByteBuffer(bytes: [0xff]))
    #expect(empty.end?.code == .invalidArgument)
    let first = try await cluster.tail(0) { _ in }
    #expect(first.end == nil)
    let second = try await cluster.tail(0) { _ in }
    #expect(second.end?.code == .resourceExhausted)
    try await first.cancel()
    let third = try await cluster.tail(0) { _ in }
    #expect(third.end == nil, "the place of a tail that ended is free again")
  }

  @Test("A node that stops ends its tails with UNAVAILABLE")
  func stop() async throws {
    let cluster = try Cluster()
    let tail = try await cluster.tail(0) { _ in }
    try await eventually("the tail has begun") { tail.isCaughtUp }
    cluster.nodes[0].streams.stop()
    try await eventually("the call ends") { tail.end?.code == .unavailable }
    let late = try await cluster.tail(0) { _ in }
    #expect(late.end?.code == .unavailable)
  }
}
