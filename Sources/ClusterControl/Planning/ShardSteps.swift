import CloudstateModel

/// Changes of one shard that are done together.
struct ChangeGroup {
  enum Kind {
    /// There are more copies afterwards.
    case addition
    /// There are fewer, and no data moves.
    case removal
    /// Copies or the primary go elsewhere.
    case relocation
  }

  /// From where to where the most important change goes.
  struct Route: Hashable, Comparable {
    var isPrimary: Bool
    var from: NodeID?
    var to: NodeID?

    static func < (left: Self, right: Self) -> Bool { left.key < right.key }

    /// No name is empty, so the empty text stands before all.
    private var key: (Int, String, String) {
      (isPrimary ? 0 : 1, from?.text ?? "", to?.text ?? "")
    }
  }

  var shard: ShardID
  var load: Double
  var changes: [PlacementChange]
  /// The primary's way, if it changes.
  var move: (from: NodeID, to: NodeID)?
  /// Nodes that have a replica less and more; the first of one belongs to the first of the other.
  var left: [NodeID]
  var joined: [NodeID]

  var bytes: UInt64 { changes.reduce(0) { $0 &+ $1.bytes } }
  var loadPerByte: Double { load / Double(max(1, bytes)) }

  var kind: Kind {
    if move != nil {
      .relocation
    } else if joined.isEmpty {
      .removal
    } else {
      joined.count > left.count ? .addition : .relocation
    }
  }

  var route: Route {
    if let move { return Route(isPrimary: true, from: move.from, to: move.to) }
    let from = left.first ?? joined.first
    let to = joined.first ?? from
    return Route(isPrimary: false, from: from, to: to)
  }
}

/// The steps of one shard from its present to its wanted placement: a change of roles without bytes, then the rest.
struct ShardSteps {
  private(set) var swap: ChangeGroup?
  private(set) var rest: ChangeGroup?

  init(_ shard: PlanningTable.Shard, _ wanted: ShardPlacement) {
    var replicas = Set(shard.replicas)
    var primary = shard.primary
    if wanted.primary != primary, shard.inSync.contains(wanted.primary),
      replicas.contains(wanted.primary)
    {
      swap = ChangeGroup(
        shard: shard.id, load: shard.load,
        changes: [.movePrimary(shard: shard.id, from: primary, to: wanted.primary, bytes: 0)],
        move: (primary, wanted.primary), left: [wanted.primary], joined: [primary])
      replicas.remove(wanted.primary)
      replicas.insert(primary)
      primary = wanted.primary
    }

    let before = replicas
    var changes: [PlacementChange] = []
    for node in wanted.replicas where node != primary && !replicas.contains(node) {
      changes.append(.addReplica(shard: shard.id, node: node, bytes: shard.bytes))
      replicas.insert(node)
    }
    var move: (from: NodeID, to: NodeID)?
    if wanted.primary != primary {
      move = (primary, wanted.primary)
      var bytes = shard.bytes
      if wanted.replicas.contains(primary), !replicas.contains(wanted.primary) {
        // The source keeps its copy, so the roles are changed after the target has one, too.
        changes.append(.addReplica(shard: shard.id, node: wanted.primary, bytes: bytes))
        replicas.insert(wanted.primary)
        bytes = 0
      }
      changes.append(
        .movePrimary(shard: shard.id, from: primary, to: wanted.primary, bytes: bytes))
      if replicas.remove(wanted.primary) != nil { replicas.insert(primary) }
    }
    for node in replicas.subtracting(wanted.replicas).sorted() {
      changes.append(.removeReplica(shard: shard.id, node: node))
      replicas.remove(node)
    }
    guard !changes.isEmpty else { return }
    rest = ChangeGroup(
      shard: shard.id, load: shard.load, changes: changes, move: move,
      left: before.subtracting(replicas).sorted(), joined: replicas.subtracting(before).sorted())
  }
}
