/// What a primary tells the coordinator of one of its shards (`cs.coordinator.shards`), and a replica of its copy.
///
/// Reports are repeated until a plan answers them, so each says all that is true now, and one that was lost
/// does no harm.
package struct ShardReport: Hashable, Sendable {
  /// How far a copy has come that comes to be.
  package struct CopyGrowth: Hashable, Sendable {
    package var position: Position
    /// What it was sent so far.
    package var bytes: UInt64

    package init(position: Position, bytes: UInt64 = 0) {
      self.position = position
      self.bytes = bytes
    }
  }

  package var shard: ShardID
  /// The epoch it is about; reports of other epochs than the plan's are of no use.
  package var epoch: Epoch
  /// The primary answers commands.
  package var isServing: Bool
  /// Replicas whose copy is complete and without whose acknowledgement nothing is acknowledged any more. They
  /// may be made in-sync.
  package var caughtUp: Set<NodeID>
  /// In-sync replicas that the primary waits for in vain.
  package var lagging: Set<NodeID>
  /// Nothing is in flight, the move's target has everything, and nothing new is taken until the next plan.
  package var isFenced: Bool
  /// The fence could not be closed in time, and commands flow again.
  package var fenceFailed: Bool
  /// A copy has seen this higher epoch; the next assignment must have a higher one.
  package var seenEpoch: Epoch
  /// Why this node's own copy cannot be used, for people.
  package var unusable: String?
  /// The last position of this node's copy.
  package var lastPosition: Position
  /// Under which the batch there was written.
  package var lastEpoch: Epoch
  /// About how much the shard holds, in files and in what will become files.
  package var bytes: UInt64
  /// Commands taken since the last report of the shard.
  package var commands: UInt64
  /// How far the copies of replicas outside the in-sync set are known to have come.
  package var copied: [NodeID: CopyGrowth]

  package init(
    shard: ShardID, epoch: Epoch, isServing: Bool = false, caughtUp: Set<NodeID> = [],
    lagging: Set<NodeID> = [], isFenced: Bool = false, fenceFailed: Bool = false,
    seenEpoch: Epoch = .none, unusable: String? = nil, lastPosition: Position = .start,
    lastEpoch: Epoch = .none, bytes: UInt64 = 0, commands: UInt64 = 0,
    copied: [NodeID: CopyGrowth] = [:]
  ) {
    self.shard = shard
    self.epoch = epoch
    self.isServing = isServing
    self.caughtUp = caughtUp
    self.lagging = lagging
    self.isFenced = isFenced
    self.fenceFailed = fenceFailed
    self.seenEpoch = seenEpoch
    self.unusable = unusable
    self.lastPosition = lastPosition
    self.lastEpoch = lastEpoch
    self.bytes = bytes
    self.commands = commands
    self.copied = copied
  }
}
