import CloudstateModel
import Logging
import MessageBus
import NIOCore
import NIOPosix
import ReplicatedData
import ShardStore

/// Anti-entropy: finds the entities whose copies differ from another node's, bucket by bucket, and takes over what
/// the other one knows. The other one does the same, so each only reads.
extension Replicator {
  func synchronize(with node: NodeID) async {
    do {
      let fetched = try await fetchDifferences(from: node)
      if fetched > 0 {
        logger.debug("took over \(fetched) replicated entities from node \(node)")
      }
    } catch is CancellationError {
      return
    } catch {
      logger.debug("comparing replicated entities with node \(node): \(error)")
      // It is tried again as long as the node is a member.
      if currentMembers.peers.contains(where: { $0.node == node }) { plan(node, isUrgent: false) }
    }
  }

  private func fetchDifferences(from node: NodeID) async throws -> Int {
    try await tidy()
    guard
      let (theirs, replica) = ReplicationCodec.bucketDigests(try await ask(node, .buckets))
    else { throw BusError(.rejected, "the answer is in a form unknown to this node") }
    // Votes count only under a name that is known, and the next summary may be a while away.
    learn(replica, of: node)
    let ours = board.all
    var fetched = 0
    for bucket in ReplicaBucket.all
    where ours[Int(bucket.index)] != theirs[Int(bucket.index)] && theirs[Int(bucket.index)] != 0 {
      do {
        fetched += try await fetchDifferences(in: bucket, from: node)
      } catch  where error.concernsOnlyOneBucket {
        // An entity that cannot be read, there or here, must not keep the others apart.
        logger.warning(
          "replicated entities of bucket \(bucket.index) cannot be compared with node \(node): \(error)"
        )
      }
    }
    return fetched
  }

  private func fetchDifferences(in bucket: ReplicaBucket, from node: NodeID) async throws -> Int {
    guard let theirs = ReplicationCodec.replicaDigests(try await ask(node, .bucket(bucket))) else {
      throw BusError(.rejected, "the answer is in a form unknown to this node")
    }
    let ours = try await reader.runIfActive { try self.storedDigests(in: bucket) }
    var different = theirs.filter { ours[$0.key] != $0.value }.map(\.key)[...]
    let count = different.count
    var refused: [String] = []
    try await withThrowingTaskGroup(of: String?.self) { group in
      for entity in different.prefix(configuration.concurrentReads) {
        group.addTask { try await self.fetchUnlessRefused(entity, from: node) }
      }
      different = different.dropFirst(configuration.concurrentReads)
      while let refusal = try await group.next() {
        if let refusal { refused.append(refusal) }
        guard let entity = different.popFirst() else { continue }
        group.addTask { try await self.fetchUnlessRefused(entity, from: node) }
      }
    }
    if let first = refused.first {
      logger.warning(
        "\(refused.count) replicated entities cannot be taken over from node \(node): \(first)")
    }
    return count - refused.count
  }

  private func ask(
    _ node: NodeID, _ comparison: ReplicationCodec.Comparison
  ) async throws -> ByteBuffer {
    try await request(.compare, ReplicationCodec.comparison(comparison), to: node)
  }

  /// One entity that cannot be had, such as one too large for a message, does not keep others from coming.
  ///
  /// - Returns: why the other node did not give it, if so.
  private func fetchUnlessRefused(
    _ entity: EntityKey, from node: NodeID
  ) async throws -> String? {
    do {
      try await fetch(entity, from: node)
      return nil
    } catch let error as BusError where error.code == .rejected {
      return "\(entity): \(error.message)"
    }
  }

  /// Merges another node's copy of an entity, and returns when that is durable.
  private func fetch(_ entity: EntityKey, from node: NodeID) async throws {
    let answer = try await request(.read, ReplicationCodec.readRequest(entity), to: node)
    let state: ReplicatedEntityState
    switch ReplicationCodec.readAnswer(answer) {
    case .none: return
    case .copy(let copy): state = copy
    case .unreadable:
      logger.warning("node \(node) holds \(entity) in a form unknown to this one")
      return
    }
    let result = await withCheckedContinuation { continuation in
      withShelf(of: entity) { shelf in
        shelf.load(entity) { copy in
          switch copy {
          case .failure(let error):
            continuation.resume(returning: Result<Void, StoreError>.failure(error))
          case .success(let copy):
            shelf.merge(whole: state, into: copy) { continuation.resume(returning: $0) }
          }
        }
      }
    }
    try result.get()
  }

  private func request(
    _ topic: ReplicaTopic, _ payload: ByteBuffer, to node: NodeID
  ) async throws -> ByteBuffer {
    try Task.checkCancellation()
    let (bus, loop) = (bus, loops[0])
    return try await withCheckedThrowingContinuation { continuation in
      bus.request(
        .replicas(of: configuration.service, topic), payload: payload, to: node,
        timeout: configuration.readTimeout, on: loop
      ) { continuation.resume(with: $0) }
    }
  }
}

extension Error {
  /// Whether asking for the next bucket may succeed: the store, here or there, cannot read something.
  fileprivate var concernsOnlyOneBucket: Bool {
    if let error = self as? BusError { return error.code == .rejected }
    if let error = self as? StoreError { return error.code == .corruptRecord }
    return false
  }
}
