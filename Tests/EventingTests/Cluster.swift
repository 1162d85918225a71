import CloudstateModel
import CloudstateProtocol
import Eventing
import GRPCTransport
import Logging
import MessageBus
import NIOCore
import NIOPosix
import ShardStore
import Synchronization
import Testing

/// Three nodes in one process: in-memory stores and buses, each with the streams service.
final class Cluster: Sendable {
  static let shardCount: UInt32 = 6

  struct Node: Sendable {
    let id: NodeID
    let store: InMemoryShardStore
    let bus: InMemoryMessageBus
    let streams: EventStreamsService
  }

  let service: ServiceName
  let network = InMemoryNetwork()
  let topology: Topology
  let nodes: [Node]
  private let group = MultiThreadedEventLoopGroup.singleton
  private let pool = NIOThreadPool(numberOfThreads: 2)

  init(configure: (inout EventStreamsService.Settings) -> Void = { _ in }) throws {
    service = try testService()
    let ids = try (1...3).map { try #require(NodeID("n\($0)")) }
    topology = Topology(service: service, nodes: ids)
    pool.start()
    var settings = EventStreamsService.Settings()
    settings.tail.pollInterval = .milliseconds(200)
    settings.remoteReadTimeout = .seconds(1)
    configure(&settings)
    var nodes: [Node] = []
    for id in ids {
      let store = try InMemoryShardStore()
      let bus = network.join(as: id)
      nodes.append(
        Node(
          id: id, store: store, bus: bus,
          streams: EventStreamsService(
            service: service, store: store, bus: bus, topology: topology, pool: pool,
            eventLoop: group.any(), settings: settings, logger: Logger(label: "test"),
            wallClock: { Timestamp(unixMilliseconds: 1) },
            json: { typeURL, value in "{\"type\":\"\(typeURL)\",\"bytes\":\(value.count)}" })))
    }
    self.nodes = nodes
    for node in nodes {
      for other in nodes where other.id != node.id { node.bus.connect(to: other.bus.peer()) }
      node.streams.start()
    }
    for index in 0..<Self.shardCount { try open(index) }
  }

  deinit {
    for node in nodes {
      node.streams.stop()
      node.bus.shutdown()
      node.store.close()
    }
    pool.shutdownGracefully { _ in }
  }

  /// The node that owns a shard.
  func owner(of shard: UInt32) throws -> Node {
    let id = try #require(topology.owner(of: shard))
    return try #require(nodes.first { $0.id == id })
  }

  /// Lets the owner write to its shard.
  private func open(_ shard: UInt32) throws {
    try owner(of: shard).store.openShard(
      ShardID(service: service, index: shard), epoch: Epoch(1))
  }

  /// Commits a batch of one event per type at the owner of the entity's shard; answers the shard.
  @discardableResult
  func commit(entity: String, types: [String], first: Int64) throws -> UInt32 {
    let key = EntityKey(persistenceID: "carts", entityID: entity)
    let index = key.shardIndex(shardCount: Self.shardCount)
    let shard = ShardID(service: service, index: index)
    let batch = ShardBatch(
      shard: shard, epoch: Epoch(1), entity: key, time: Timestamp(unixMilliseconds: 1000),
      firstSequence: SequenceNumber(first),
      events: types.map { OpaquePayload(typeURL: "t/test.\($0)", value: [7]) })
    let sink = CommitWaiter()
    try owner(of: index).store.submit(batch, token: 1, to: sink)
    return index
  }

  /// Batches committed in all shards.
  var committedCount: UInt64 {
    get throws {
      var count: UInt64 = 0
      for index in 0..<Self.shardCount {
        count += try owner(of: index).store.lastPosition(
          of: ShardID(service: service, index: index)
        ).number
      }
      return count
    }
  }

  /// Opens a call at a node and sends its request.
  func call(_ node: Int, _ path: String, _ request: ByteBuffer) async throws -> TestCall {
    let eventLoop = group.any()
    let call = TestCall(path: path, eventLoop: eventLoop)
    let streams = nodes[node].streams
    try await eventLoop.submit {
      call.handler.value = streams.handler(for: call)
      call.handler.value?.receive(request)
      call.handler.value?.receiveEnd()
    }.get()
    return call
  }

  /// Opens a tail at a node.
  func tail(
    _ node: Int, _ configure: (inout Cloudstate_Streams_TailRequest) -> Void
  ) async throws -> TestCall {
    var request = Cloudstate_Streams_TailRequest()
    configure(&request)
    return try await call(node, EventStreamsService.tailPath, request.encoded)
  }
}

/// Shards dealt to the nodes in turn; ownership can be changed.
final class Topology: StreamTopology {
  let shardCount = Cluster.shardCount
  let planNumber: UInt64 = 3
  let members: [StreamMember]
  private let service: ServiceName
  private let owners: Mutex<[UInt32: NodeID]>

  init(service: ServiceName, nodes: [NodeID]) {
    self.service = service
    members = nodes.map {
      StreamMember(node: $0, publicAddress: "127.0.0.1:9000", liveness: "alive")
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

  func setOwner(_ node: NodeID?, of shard: UInt32) { owners.withLock { $0[shard] = node } }
}

private final class CommitWaiter: CommitSink {
  func completed(_ outcomes: [CommitOutcome]) {
    for outcome in outcomes {
      if case .failure(let error) = outcome.result { Issue.record("commit: \(error)") }
    }
  }
}

/// A call whose other side is the test: records what the handler sends.
///
/// @unchecked Sendable: `handler` is bound to the event loop, what the test reads is behind a lock, and
/// the rest never changes.
final class TestCall: GRPCServerCall, @unchecked Sendable {
  let path: String
  let eventLoop: any EventLoop
  let metadata = GRPCMetadata()
  let deadline: NIODeadline? = nil
  let handler: NIOLoopBoundBox<(any GRPCServerCallHandler)?>
  private let state = Mutex((messages: [ByteBuffer](), end: GRPCStatus?.none, isWritable: true))

  init(path: String, eventLoop: any EventLoop) {
    self.path = path
    self.eventLoop = eventLoop
    handler = .makeEmptyBox(eventLoop: eventLoop)
  }

  var isWritable: Bool { state.withLock { $0.isWritable } }
  func sendHeaders(_ metadata: GRPCMetadata) {}
  func send(_ message: ByteBuffer) { state.withLock { $0.messages.append(message) } }
  func setReading(_ reading: Bool) {}
  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    state.withLock { $0.end = $0.end ?? status }
  }

  var end: GRPCStatus? { state.withLock { $0.end } }
  var messages: [ByteBuffer] { state.withLock { $0.messages } }
  var responses: [Cloudstate_Streams_TailResponse] {
    messages.compactMap { try? Cloudstate_Streams_TailResponse(decoding: $0) }
  }
  var events: [Cloudstate_Streams_TailedEvent] {
    responses.compactMap { if case .event(let event)? = $0.message { event } else { nil } }
  }
  var isCaughtUp: Bool { responses.contains { $0.progress.caughtUp } }
  var notices: [String] {
    responses.compactMap { if case .notice(let notice)? = $0.message { notice.text } else { nil } }
  }

  /// As when the connection breaks.
  func cancel() async throws {
    try await eventLoop.submit {
      self.handler.value?.cancelled(GRPCStatus(.cancelled))
      self.handler.value = nil
    }.get()
  }

  func setWritable(_ isWritable: Bool) async throws {
    state.withLock { $0.isWritable = isWritable }
    try await eventLoop.submit { self.handler.value?.writabilityChanged(isWritable) }.get()
  }
}
