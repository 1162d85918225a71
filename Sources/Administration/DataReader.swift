import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import GRPCTransport
import NIOCore
import ReplicatedData
import ShardStore
import SwiftProtobuf

/// Answers calls from this node's store. Blocks on the disk; any thread.
struct DataReader: Sendable {
  /// What one page holds at most, in bytes of content, but at least one event or batch.
  static let maximumPageBytes = 1 << 20
  /// Events of one page at most.
  static let maximumPageEvents = 1000

  let service: ServiceName
  let shardCount: UInt32
  let nodeID: NodeID
  let store: any ShardStore
  let copies: any ShardCopies
  let topology: any DataTopology
  let types: DataEntityTypes
  let json: @Sendable (_ typeURL: String, _ value: [UInt8]) -> String?

  func answer(_ method: DataMethod, _ request: ByteBuffer) throws(DataRefusal) -> ByteBuffer {
    switch method {
    case .describe: describe().encoded
    case .entity: try entity(request.decoded(as: Cloudstate_Admin_EntityRequest.self)).encoded
    case .events:
      try events(request.decoded(as: Cloudstate_Admin_EntityEventsRequest.self)).encoded
    case .shard: try shard(request.decoded(as: Cloudstate_Admin_ShardStateRequest.self)).encoded
    case .deltas:
      try deltas(request.decoded(as: Cloudstate_Admin_ShardDeltasRequest.self)).encoded
    case .replicas:
      try replicas(request.decoded(as: Cloudstate_Admin_ReplicaCopiesRequest.self)).encoded
    }
  }

  private func describe() -> Cloudstate_Admin_DataDescription {
    .with {
      $0.service = service.text
      $0.nodeID = nodeID.text
      $0.shardCount = shardCount
      $0.planNumber = topology.planNumber
      $0.types = types.all.map(\.message)
      $0.nodes = topology.members.map { member in
        .with {
          $0.nodeID = member.node.text
          $0.publicAddress = member.publicAddress
          $0.liveness = member.liveness
        }
      }
    }
  }

  // MARK: Shards

  /// The assignment of a shard that this node serves. What is read after it is good only if
  /// ``requireService(of:)`` holds then.
  func owned(_ index: UInt32) throws(DataRefusal) -> (ShardID, ShardAssignment) {
    let shard = ShardID(service: service, index: index)
    // What has changed since the call was sent here is found by trying again.
    guard let assignment = topology.assignment(of: index), assignment.primary == nodeID else {
      throw DataRefusal(.unavailable, "shard \(index) is not at this node; try again")
    }
    try requireService(of: shard)
    return (shard, assignment)
  }

  /// What was read from the store of a shard may be given out. This node may have been paused, and another be its primary
  /// by now: only a lease that lasts tells that nothing newer was there.
  func requireService(of shard: ShardID) throws(DataRefusal) {
    guard topology.mayAnswer(for: shard) else {
      throw DataRefusal(.unavailable, "shard \(shard) is not served by this node now; try again")
    }
  }

  private func shard(
    _ request: Cloudstate_Admin_ShardStateRequest
  ) throws(DataRefusal) -> Cloudstate_Admin_ShardState {
    let (shard, assignment) = try owned(request.shard)
    let state = try refusing { () throws(StoreError) -> Cloudstate_Admin_ShardState in
      // Before the end: what they have done is never behind it.
      let consumers = try copies.consumerPositions(of: shard)
      let end = try store.lastPosition(of: shard)
      let mark = try mark(of: shard, at: end)
      return .with {
        $0.shard = shard.index
        $0.nodeID = nodeID.text
        $0.epoch = assignment.epoch.number
        $0.end = mark ?? .init()
        $0.bytes = copies.approximateBytes(of: shard)
        $0.consumers = consumers.map { consumer, position in
          .with {
            $0.serviceName = consumer.serviceName
            $0.group = consumer.group
            $0.eventLog = consumer.eventLog
            $0.position = position.batches.number
            $0.events = position.events
          }
        }
      }
    }
    try requireService(of: shard)
    return state
  }

  /// What stands at a position; `nil` if nothing does.
  private func mark(
    of shard: ShardID, at position: Position
  ) throws(StoreError) -> Cloudstate_Admin_BatchMark? {
    guard position > .start else { return .init() }
    let before = Position(position.number - 1)
    guard let batch = try store.stream(of: shard, after: before, byteLimit: 1).first,
      batch.position == position
    else { return nil }
    return .with {
      $0.position = position.number
      $0.epoch = batch.epoch.number
      $0.timeUnixMilliseconds = batch.time.unixMilliseconds
    }
  }

  private func deltas(
    _ request: Cloudstate_Admin_ShardDeltasRequest
  ) throws(DataRefusal) -> Cloudstate_Admin_ShardDeltas {
    let (shard, _) = try owned(request.shard)
    let after = Position(request.after.position)
    guard request.upTo >= after.number, request.upTo < .max else {
      throw DataRefusal(.invalidArgument, "positions \(after) to \(request.upTo) are no range")
    }
    let page = try refusing { () throws(StoreError) -> Cloudstate_Admin_ShardDeltas in
      let end = try store.lastPosition(of: shard)
      guard end.number >= request.upTo else {
        throw StoreError(
          .shardNotOpen,
          "shard \(shard) ends at \(end) here, before \(request.upTo): it waits for its copies, or "
            + "the caller has seen another history")
      }
      guard try mark(of: shard, at: after) == request.after else {
        throw StoreError(
          .outOfSequence,
          "shard \(shard) has another batch at position \(after) than the caller: it is not the one "
            + "that was read before")
      }
      let limit = min(
        request.byteLimit == 0 ? Self.maximumPageBytes : Int(request.byteLimit),
        Self.maximumPageBytes)
      let deltas = try copies.deltas(of: shard, after: after, byteLimit: limit)
      return .with {
        $0.nodeID = nodeID.text
        $0.deltas = deltas.filter { $0.position.number <= request.upTo }
          .map { Data($0.sealed(in: shard)) }
      }
    }
    try requireService(of: shard)
    return page
  }

  // MARK: Replicated entities

  private func replicas(
    _ request: Cloudstate_Admin_ReplicaCopiesRequest
  ) throws(DataRefusal) -> Cloudstate_Admin_ReplicaCopies {
    let end = UInt64(request.bucket) + UInt64(max(1, request.bucketCount))
    guard end <= UInt64(ReplicaBucket.count) else {
      throw DataRefusal(.invalidArgument, "buckets are 0 to \(ReplicaBucket.count - 1)")
    }
    guard request.nodeID == nodeID.text else {
      throw DataRefusal(.unavailable, "this is node \(nodeID), not \(request.nodeID)")
    }
    var response = Cloudstate_Admin_ReplicaCopies()
    var bytes = 0
    let after = request.hasAfter ? request.after.key : nil
    let first = max(request.bucket, after.map { ReplicaBucket(of: $0).index } ?? 0)
    for index in first..<max(first, UInt32(end)) {
      guard let bucket = ReplicaBucket(index) else { break }
      var stored = try refusing { () throws(StoreError) in try store.replicas(in: bucket) }
      stored.sort { $0.entity.sortKey.lexicographicallyPrecedes($1.entity.sortKey) }
      let seen = index == first ? after?.sortKey ?? [] : []
      for replica in stored where seen.lexicographicallyPrecedes(replica.entity.sortKey) {
        bytes += replica.parts.reduce(64) { $0 + $1.count }
        guard response.copies.isEmpty || bytes <= Self.maximumPageBytes else {
          response.hasMore_p = true
          return response
        }
        response.copies.append(
          .with {
            $0.name = .init(replica.entity)
            $0.parts = replica.parts.map { Data($0) }
          })
      }
    }
    return response
  }
}

/// Tells a caller why the store did not answer.
func refusing<Answer>(
  _ body: () throws(StoreError) -> Answer
) throws(DataRefusal) -> Answer {
  do throws(StoreError) {
    return try body()
  } catch {
    if error.code == .outOfSequence { throw DataRefusal(.failedPrecondition, error.message) }
    throw DataRefusal(error)
  }
}

extension DataEntityType {
  var message: Cloudstate_Admin_EntityType {
    .with {
      $0.serviceName = serviceName
      $0.persistenceID = persistenceID
      $0.kind = kind.rawValue
    }
  }
}

extension EntityKey {
  /// Orders entities as their names do; no name is a prefix of another in it.
  fileprivate var sortKey: [UInt8] {
    var key: [UInt8] = []
    key.appendEscaped(persistenceID)
    key.appendEscaped(entityID)
    return key
  }
}

extension Cloudstate_Admin_ReplicaName {
  init(_ entity: EntityKey) {
    self.init()
    persistenceID = entity.persistenceID
    entityID = entity.entityID
  }

  var key: EntityKey { EntityKey(persistenceID: persistenceID, entityID: entityID) }
}
