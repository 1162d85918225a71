package import CloudstateModel
package import NIOCore

/// Reads each shard where it lives now: from this node's store, or from its owner.
package struct RoutedStreamReader: StreamReader {
  private let nodeID: NodeID
  private let topology: any StreamTopology
  private let local: any StreamReader
  private let remote: RemoteStreamReader

  package init(
    nodeID: NodeID, topology: any StreamTopology, local: any StreamReader,
    remote: RemoteStreamReader
  ) {
    self.nodeID = nodeID
    self.topology = topology
    self.local = local
    self.remote = remote
  }

  package func read(
    _ shard: ShardID, after: Position, byteLimit: Int, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<StreamPage, StreamReadFailure>) -> Void
  ) {
    guard let owner = owner(of: shard, on: eventLoop, orFail: completion) else { return }
    if owner == nodeID {
      local.read(
        shard, after: after, byteLimit: byteLimit, on: eventLoop, completion: completion)
    } else {
      remote.read(
        shard, from: owner, after: after, byteLimit: byteLimit, on: eventLoop,
        completion: completion)
    }
  }

  package func lastPosition(
    of shard: ShardID, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void
  ) {
    guard let owner = owner(of: shard, on: eventLoop, orFail: completion) else { return }
    if owner == nodeID {
      local.lastPosition(of: shard, on: eventLoop, completion: completion)
    } else {
      remote.lastPosition(of: shard, from: owner, on: eventLoop, completion: completion)
    }
  }

  package func locate(
    _ shard: ShardID, since: Timestamp, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void
  ) {
    guard let owner = owner(of: shard, on: eventLoop, orFail: completion) else { return }
    if owner == nodeID {
      local.locate(shard, since: since, on: eventLoop, completion: completion)
    } else {
      remote.locate(shard, from: owner, since: since, on: eventLoop, completion: completion)
    }
  }

  /// The owner; without one the completion is called with the reason.
  private func owner<Value: Sendable>(
    of shard: ShardID, on eventLoop: any EventLoop,
    orFail completion: @escaping @Sendable (Result<Value, StreamReadFailure>) -> Void
  ) -> NodeID? {
    if let owner = topology.owner(of: shard.index) { return owner }
    eventLoop.execute { completion(.failure(StreamReadFailure("no node owns it at present"))) }
    return nil
  }
}
