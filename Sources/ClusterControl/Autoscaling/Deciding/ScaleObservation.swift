package import CloudstateModel

/// A member of the service that is up.
package struct ScaleMember: Hashable, Sendable, Codable {
  package var node: NodeID
  package var incarnation: UInt64
  /// It started so short a time ago that it is not at full speed yet.
  package var isWarmingUp: Bool
  /// Shards are on their way to it, or it waits for its share.
  package var isReceivingShards: Bool

  package init(
    node: NodeID, incarnation: UInt64, isWarmingUp: Bool = false, isReceivingShards: Bool = false
  ) {
    self.node = node
    self.incarnation = incarnation
    self.isWarmingUp = isWarmingUp
    self.isReceivingShards = isReceivingShards
  }

  /// Whether it counts with its full capacity, and its samples with it.
  package var isSettled: Bool { !isWarmingUp && !isReceivingShards }
}

/// What a scaler reports of the nodes it starts and stops.
package struct DeploymentScale: Hashable, Sendable, Codable {
  package var name: String
  /// Nodes that are ready.
  package var ready: Int
  /// Nodes that are asked for.
  package var scale: Int
  /// The nodes are being replaced by a new version.
  package var isUpgrading: Bool

  package init(name: String, ready: Int, scale: Int, isUpgrading: Bool = false) {
    self.name = name
    self.ready = ready
    self.scale = scale
    self.isUpgrading = isUpgrading
  }
}

/// What a change of scale costs.
package struct MovingEstimate: Hashable, Sendable, Codable {
  /// What the planner would move to one node more; see ``Planner/bytesToJoin(_:)``.
  package var bytesForOneMore: UInt64
  /// Of all moves together, as measured; `nil` as long as nothing has moved.
  package var bytesPerSecond: Double?
  /// From the request for a node until it is a member at full speed, as measured.
  @Milliseconds package var warmUp: Duration

  package static let free = MovingEstimate(bytesForOneMore: 0, warmUp: .zero)

  package init(bytesForOneMore: UInt64, bytesPerSecond: Double? = nil, warmUp: Duration) {
    self.bytesForOneMore = bytesForOneMore
    self.bytesPerSecond = bytesPerSecond
    self.warmUp = warmUp
  }

  /// Milliseconds until nodes that were added to `members` carry their share.
  func joining(_ added: Int, members: Int, settings: AutoscalerSettings) -> Int64 {
    // One node more takes one of (members + 1) equal shares, so all shares together are that many times its bytes.
    let all = Double(bytesForOneMore) * Double(members + 1)
    let part = Double(added) / Double(max(1, members + added))
    return warmUp.wholeMilliseconds + milliseconds(bytes: all * part, settings)
  }

  /// Milliseconds until nodes that are taken from `members` have given away their share.
  func leaving(_ removed: Int, members: Int, settings: AutoscalerSettings) -> Int64 {
    let all = Double(bytesForOneMore) * Double(members + 1)
    return milliseconds(bytes: all * Double(removed) / Double(max(1, members)), settings)
  }

  private func milliseconds(bytes: Double, _ settings: AutoscalerSettings) -> Int64 {
    var speed = settings.assumedBytesPerSecond
    if let bytesPerSecond, bytesPerSecond.isFinite, bytesPerSecond > 0 { speed = bytesPerSecond }
    return Int64(min(bytes / speed * 1000, 1e15))
  }
}

/// What the coordinator knows at a tick of the autoscaler.
package struct ScaleObservation: Hashable, Sendable, Codable {
  /// The members that are up.
  package var members: [ScaleMember]
  /// `nil` as long as the scaler has not reported.
  package var deployment: DeploymentScale?
  /// Shards are moving, or are about to.
  package var isRebalancing: Bool
  package var moving: MovingEstimate
  /// How many copies of each shard the service wants, each on a node of its own; `nil` in recordings from before it was
  /// looked at.
  package var copies: Int?

  package init(
    members: [ScaleMember], deployment: DeploymentScale?, isRebalancing: Bool = false,
    moving: MovingEstimate = .free, copies: Int? = nil
  ) {
    self.members = members
    self.deployment = deployment
    self.isRebalancing = isRebalancing
    self.moving = moving
    self.copies = copies
  }
}
