import Administration
import CloudstateModel
import CloudstateProtocol
import GRPCTransport
import MessageBus
import NIOCore
import NIOPosix
import ShardStore
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

/// Two nodes in one process: in-memory stores and buses, each with the service.
final class Cluster: Sendable {
  static let shardCount: UInt32 = 4

  struct Node: Sendable {
    let id: NodeID
    let store: InMemoryShardStore
    let bus: InMemoryMessageBus
    let data: DataService
  }

  let service: ServiceName
  let topology: Topology
  let nodes: [Node]
  private let network = InMemoryNetwork()
  private let pool = NIOThreadPool(numberOfThreads: 1)

  static let types = [
    DataEntityType(serviceName: "shop.Cart", persistenceID: "carts", kind: .eventSourced),
    DataEntityType(serviceName: "shop.Price", persistenceID: "prices", kind: .valueEntity),
    DataEntityType(serviceName: "old.Price", persistenceID: "old", kind: .valueEntity),
    DataEntityType(serviceName: "shop.Votes", persistenceID: "votes", kind: .crdt),
  ]

  init() throws {
    let service = try #require(ServiceName("cart"))
    self.service = service
    let ids = try (1...2).map { try #require(NodeID("n\($0)")) }
    let topology = Topology(service: service, nodes: ids)
    self.topology = topology
    pool.start()
    let (pool, network) = (pool, network)
    nodes = try ids.map { id in
      let store = try InMemoryShardStore()
      let bus = network.join(as: id)
      return Node(
        id: id, store: store, bus: bus,
        data: DataService(
          service: service, shardCount: Self.shardCount, store: store, copies: store, bus: bus,
          topology: topology, pool: pool, types: Self.types,
          json: { typeURL, value in
            typeURL.hasSuffix("Unknown") ? nil : "\"\(String(decoding: value, as: UTF8.self))\""
          }))
    }
    for node in nodes {
      for other in nodes where other.id != node.id { node.bus.connect(to: other.bus.peer()) }
      node.data.start()
    }
    for index in 0..<Self.shardCount {
      try owner(of: index).store.openShard(shard(index), epoch: Epoch(1))
    }
  }

  deinit {
    for node in nodes {
      node.data.stop()
      node.bus.shutdown()
      node.store.close()
    }
    pool.shutdownGracefully { _ in }
  }

  func shard(_ index: UInt32) -> ShardID { ShardID(service: service, index: index) }

  func owner(of shard: UInt32) throws -> Node {
    let id = try #require(topology.assignment(of: shard)?.primary)
    return try #require(nodes.first { $0.id == id })
  }

  /// Commits a batch of one event at the owner of the entity's shard; answers the shard.
  @discardableResult
  func commit(
    _ entity: EntityKey, sequence: Int64, type: String = "Added", snapshot: OpaquePayload? = nil
  ) async throws -> UInt32 {
    let index = entity.shardIndex(shardCount: Self.shardCount)
    let store = try owner(of: index).store
    let before = try store.lastPosition(of: shard(index))
    store.submit(
      ShardBatch(
        shard: shard(index), epoch: Epoch(1), entity: entity,
        time: Timestamp(unixMilliseconds: 1000 + sequence),
        firstSequence: SequenceNumber(sequence),
        events: [OpaquePayload(typeURL: "t/test.\(type)", value: Array("v\(sequence)".utf8))],
        snapshot: snapshot),
      token: 1, to: IgnoredOutcomes())
    let shard = shard(index)
    try await eventually("the batch is committed") { try store.lastPosition(of: shard) > before }
    return index
  }

  /// Makes a call at a node.
  func call<Answer: Message>(
    _ node: Int, _ method: String, _ request: some Message, as type: Answer.Type = Answer.self
  ) async throws -> Answer {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
    let call = TestCall(path: "/cloudstate.admin.Data/\(method)", eventLoop: eventLoop)
    let (data, message) = (nodes[node].data, request.encoded)
    try await eventLoop.submit {
      call.handler.value = data.handler(for: call)
      call.handler.value?.receive(message)
      call.handler.value?.receiveEnd()
    }.get()
    try await eventually("the call has ended") { call.end != nil }
    let status = try #require(call.end)
    guard status.code == .ok else { throw status }
    return try Answer(decoding: try #require(call.messages.first))
  }
}

/// Shards dealt to the nodes in turn; ownership can be changed.
final class Topology: DataTopology {
  let planNumber: UInt64 = 3
  let members: [DataMember]
  private let service: ServiceName
  private let owners: Mutex<[UInt32: NodeID]>
  private let withoutLease = Mutex<Set<ShardID>>([])

  init(service: ServiceName, nodes: [NodeID]) {
    self.service = service
    members = nodes.map {
      DataMember(node: $0, publicAddress: "127.0.0.1:9000", liveness: "alive")
    }
    owners = Mutex(
      Dictionary(
        uniqueKeysWithValues: (0..<Cluster.shardCount).map {
          ($0, nodes[Int($0) % nodes.count])
        }))
  }

  func assignment(of shard: UInt32) -> ShardAssignment? {
    owners.withLock { $0[shard] }.map {
      ShardAssignment(
        shard: ShardID(service: service, index: shard), primary: $0, epoch: Epoch(1))
    }
  }

  func mayAnswer(for shard: ShardID) -> Bool { !withoutLease.withLock { $0.contains(shard) } }

  /// The lease of a shard has ended: another node may be its primary.
  func endLease(of shard: ShardID) { withoutLease.withLock { _ = $0.insert(shard) } }

  func setOwner(_ node: NodeID?, of shard: UInt32) { owners.withLock { $0[shard] = node } }
}

private final class IgnoredOutcomes: CommitSink {
  func completed(_ outcomes: [CommitOutcome]) {}
}

/// A call whose other side is the test.
///
/// @unchecked Sendable: `handler` is bound to the event loop, what the test reads is behind a lock, and the rest
/// never changes.
final class TestCall: GRPCServerCall, @unchecked Sendable {
  let path: String
  let eventLoop: any EventLoop
  let metadata = GRPCMetadata()
  let deadline: NIODeadline? = nil
  let isWritable = true
  let handler: NIOLoopBoundBox<(any GRPCServerCallHandler)?>
  private let state = Mutex((messages: [ByteBuffer](), end: GRPCStatus?.none))

  init(path: String, eventLoop: any EventLoop) {
    self.path = path
    self.eventLoop = eventLoop
    handler = .makeEmptyBox(eventLoop: eventLoop)
  }

  func sendHeaders(_ metadata: GRPCMetadata) {}
  func send(_ message: ByteBuffer) { state.withLock { $0.messages.append(message) } }
  func setReading(_ reading: Bool) {}
  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    state.withLock { $0.end = $0.end ?? status }
  }

  var end: GRPCStatus? { state.withLock { $0.end } }
  var messages: [ByteBuffer] { state.withLock { $0.messages } }
}
