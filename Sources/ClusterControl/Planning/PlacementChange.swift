package import CloudstateModel

/// One step from the present placement to the wanted one.
package enum PlacementChange: Hashable, Sendable {
  /// `target` becomes the primary. If it already holds a replica, the two change roles; if not, it gets a copy
  /// first, and the source's copy goes away at the end. The number of copies stays the same either way.
  case movePrimary(shard: ShardID, from: NodeID, to: NodeID, bytes: UInt64)
  /// `node` gets a copy.
  case addReplica(shard: ShardID, node: NodeID, bytes: UInt64)
  /// `node` deletes its copy.
  case removeReplica(shard: ShardID, node: NodeID)

  package var shard: ShardID {
    switch self {
    case .movePrimary(let shard, _, _, _), .addReplica(let shard, _, _),
      .removeReplica(let shard, _):
      shard
    }
  }

  /// About what the change transfers; 0 if the data is where it is to be.
  package var bytes: UInt64 {
    switch self {
    case .movePrimary(_, _, _, let bytes), .addReplica(_, _, let bytes): bytes
    case .removeReplica: 0
    }
  }
}

extension ShardAssignment {
  /// The assignment once `change` is complete, every new copy in-sync; unchanged if the change is about another
  /// shard or does not fit. For forecasts and dry runs: a running cluster goes through more steps.
  package func applying(_ change: PlacementChange) -> ShardAssignment {
    guard change.shard == shard else { return self }
    var next = self
    switch change {
    case .movePrimary(_, let source, let target, _):
      guard source == primary, target != primary else { return self }
      next.primary = target
      if let place = replicas.firstIndex(of: target) {
        next.replicas[place] = source
        next.inSync.removeAll { $0 == target }
        next.inSync.append(source)
      }
    case .addReplica(_, let node, _):
      guard node != primary, !replicas.contains(node) else { return self }
      next.replicas.append(node)
      next.inSync.append(node)
    case .removeReplica(_, let node):
      guard replicas.contains(node) else { return self }
      next.replicas.removeAll { $0 == node }
      next.inSync.removeAll { $0 == node }
    }
    next.epoch = epoch.next
    return next
  }
}
