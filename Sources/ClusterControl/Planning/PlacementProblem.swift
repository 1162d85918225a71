package import CloudstateModel

/// What the planner has to know of a node.
package struct PlannerNode: Hashable, Sendable {
  package var node: NodeID
  /// Where the node stands, such as an availability zone. Nodes without one share the zone without a name.
  package var zone: String
  /// How much the node takes compared with the others: a node of capacity 2 gets twice the shards of one of
  /// capacity 1. With 0 (or what is no positive number) it gets nothing as long as others can take it.
  package var capacity: Double
  /// False for a node that does not answer. It gets nothing, and keeps what it has.
  package var isAlive: Bool
  /// The node shall end with nothing.
  package var isDraining: Bool
  /// The node is down and counts as gone: its replicas are placed elsewhere. Of no meaning while it is alive.
  package var isLost: Bool

  package init(
    node: NodeID, zone: String = "", capacity: Double = 1, isAlive: Bool = true,
    isDraining: Bool = false, isLost: Bool = false
  ) {
    self.node = node
    self.zone = zone
    self.capacity = capacity
    self.isAlive = isAlive
    self.isDraining = isDraining
    self.isLost = isLost
  }

  /// Whether the node may be given shards.
  var isEligible: Bool { isAlive && !isDraining }
}

/// How heavy a shard is.
package struct ShardWeight: Hashable, Sendable {
  /// The work its primary does, in a unit of the caller's choice, such as commands per second. What is negative
  /// or no number counts as 0.
  package var load: Double
  /// What a copy of it transfers.
  package var bytes: UInt64

  package init(load: Double = 1, bytes: UInt64 = 1) {
    self.load = load
    self.bytes = bytes
  }
}

/// What limits a plan.
package struct PlacementBounds: Hashable, Sendable {
  /// With unequal loads, a shard moves only if the busier of its two nodes becomes calmer by at least this part of
  /// the average load of a node, by itself or with others like it. Default 0.1. Smaller balances more finely and moves
  /// more.
  package var minimumGain: Double
  /// Changes to answer at most; the rest comes with the next plan. The changes of a shard stay together. Default:
  /// all.
  package var maximumChanges: Int

  package init(minimumGain: Double = 0.1, maximumChanges: Int = .max) {
    self.minimumGain = minimumGain
    self.maximumChanges = maximumChanges
  }
}

/// The whole input of the planner for one service. The order of lists does not matter.
package struct PlacementProblem: Hashable, Sendable {
  package var service: ServiceName
  package var shardCount: UInt32
  /// Copies of a shard, the primary counted; at least 1.
  package var replicationFactor: Int
  /// Of a name that is given twice, the first in the order of all its properties counts.
  package var nodes: [PlannerNode]
  /// As they are. Those of other services are left out, and of two for one shard the newer counts. What is under
  /// way (a learner, the source of a move) is best given as it will be when it is done.
  package var assignments: [ShardAssignment]
  /// Shards that are not named weigh as ``ShardWeight/init(load:bytes:)`` says.
  package var weights: [ShardID: ShardWeight]
  package var bounds: PlacementBounds

  package init(
    service: ServiceName, shardCount: UInt32, replicationFactor: Int = 1, nodes: [PlannerNode],
    assignments: [ShardAssignment], weights: [ShardID: ShardWeight] = [:],
    bounds: PlacementBounds = PlacementBounds()
  ) {
    self.service = service
    self.shardCount = shardCount
    self.replicationFactor = replicationFactor
    self.nodes = nodes
    self.assignments = assignments
    self.weights = weights
    self.bounds = bounds
  }
}
