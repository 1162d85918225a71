package import CloudstateModel
package import CloudstateProtocol

// Plans as they travel and as they are stored. Reading checks everything a machine relies on, so
// that no malformed document gets past this file.

extension Plan {
  /// Reads a plan.
  ///
  /// - Throws: ``ClusterError`` with `.malformedMessage` for illegal names, an unknown phase, a
  ///   shard that is assigned twice or without an epoch, or in-sync nodes that are no replicas.
  package init(_ message: Cloudstate_Internal_Cluster_Plan) throws(ClusterError) {
    var shards: [ShardAssignment] = []
    shards.reserveCapacity(message.shards.count)
    var seen: Set<ShardID> = []
    for entry in message.shards {
      let assignment = try ShardAssignment(entry)
      guard seen.insert(assignment.shard).inserted else {
        throw malformed("plan \(message.number) assigns shard \(assignment.shard) twice")
      }
      shards.append(assignment)
    }
    var moves: [ShardMove] = []
    for entry in message.moves { moves.append(try ShardMove(entry)) }
    self.init(
      number: message.number, reason: message.reason,
      createdAt: Timestamp(unixMilliseconds: message.createdAtUnixMilliseconds), shards: shards,
      moves: moves)
  }

  /// The plan's wire and stored form.
  package var message: Cloudstate_Internal_Cluster_Plan {
    var message = Cloudstate_Internal_Cluster_Plan()
    message.number = number
    message.reason = reason
    message.createdAtUnixMilliseconds = createdAt.unixMilliseconds
    message.shards = shards.map(\.message)
    message.moves = moves.map(\.message)
    return message
  }
}

extension ShardAssignment {
  fileprivate init(_ message: Cloudstate_Internal_Cluster_ShardAssignment) throws(ClusterError) {
    let shard = ShardID(service: try serviceName(message.service), index: message.shard)
    let primary = try nodeID(message.primary)
    let replicas = try nodeIDs(message.replicas)
    let inSync = try nodeIDs(message.inSync)
    guard !replicas.contains(primary), Set(replicas).count == replicas.count else {
      throw malformed("shard \(shard) names one node twice")
    }
    guard Set(inSync).isSubset(of: replicas) else {
      throw malformed("shard \(shard) has an in-sync node that is no replica")
    }
    guard message.epoch > Epoch.none.number else {
      throw malformed("shard \(shard) is assigned without an epoch")
    }
    self.init(
      shard: shard, primary: primary, replicas: replicas, inSync: inSync,
      epoch: Epoch(message.epoch))
  }

  fileprivate var message: Cloudstate_Internal_Cluster_ShardAssignment {
    var message = Cloudstate_Internal_Cluster_ShardAssignment()
    message.service = shard.service.text
    message.shard = shard.index
    message.primary = primary.text
    message.replicas = replicas.map(\.text)
    message.inSync = inSync.map(\.text)
    message.epoch = epoch.number
    return message
  }
}

extension ShardMove {
  fileprivate init(_ message: Cloudstate_Internal_Cluster_ShardMove) throws(ClusterError) {
    guard let phase = Phase(rawValue: message.phase) else {
      throw malformed("unknown phase of a move: \(quoted(message.phase))")
    }
    self.init(
      shard: ShardID(service: try serviceName(message.service), index: message.shard),
      source: try nodeID(message.source), target: try nodeID(message.target),
      bytes: message.bytes, phase: phase)
  }

  fileprivate var message: Cloudstate_Internal_Cluster_ShardMove {
    var message = Cloudstate_Internal_Cluster_ShardMove()
    message.service = shard.service.text
    message.shard = shard.index
    message.source = source.text
    message.target = target.text
    message.bytes = bytes
    message.phase = phase.rawValue
    return message
  }
}
