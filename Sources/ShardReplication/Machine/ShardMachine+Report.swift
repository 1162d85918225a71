package import CloudstateModel
package import ShardStore

extension ShardMachine {
  /// What the coordinator has to know; `nil` where this node is not primary. Counts of commands and bytes are
  /// the shell's to add.
  package func report(now: Uptime) -> ShardReport? {
    guard isPrimary, let assignment else { return nil }
    return ShardReport(
      shard: shard, epoch: assignment.epoch, isServing: phase == .serving, caughtUp: caughtUp,
      lagging: lagging(now: now), isFenced: phase == .fenced, fenceFailed: fenceFailed,
      seenEpoch: seenEpoch, unusable: phase == .failed ? damage ?? "it cannot be opened" : nil,
      lastPosition: end.position, lastEpoch: end.epoch, copied: copied)
  }

  /// What the coordinator has to know of a replica, whose end the shell looks up; `nil` where this node is none.
  package func report(ofCopyEndingAt place: ShardEnd) -> ShardReport? {
    guard phase == .copy, let assignment else { return nil }
    return ShardReport(
      shard: shard, epoch: assignment.epoch, lastPosition: place.position, lastEpoch: place.epoch)
  }

  /// How far those have come that nobody relies on yet.
  private var copied: [NodeID: ShardReport.CopyGrowth] {
    var copied: [NodeID: ShardReport.CopyGrowth] = [:]
    for (node, copy) in copies where assignment?.inSync.contains(node) == false {
      guard let position = copy.acknowledged else { continue }
      copied[node] = ShardReport.CopyGrowth(position: position, bytes: copy.copiedBytes)
    }
    return copied
  }

  /// A consumer of events has got on.
  package mutating func consumersMoved() { consumersVersion += 1 }
}
