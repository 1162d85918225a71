package import CloudstateModel
import Synchronization

/// The cluster of a node that runs alone, without a coordinator: all shards of its service are its own, with
/// epoch 1, for ever. Where its store has seen a higher epoch, as one that was restored from a backup or once was
/// in a cluster has, the shard's epoch is the next one: nobody else can own it now.
package final class StandaloneMembership: ClusterHandle {
  package let nodeID: NodeID
  private let state: Mutex<State>

  private struct State {
    var snapshot: ClusterSnapshot
    var plan: Plan
    var listeners: [@Sendable (ClusterChange) -> Void] = []
  }

  /// - Precondition: `shardCount > 0`, which configuration guarantees.
  package init(info: NodeInfo, shardCount: UInt32) {
    let assignments = Planner.assignmentsForUnassignedShards(
      of: info.service, shardCount: shardCount, nodes: [info.node], current: [])
    let plan = Plan(
      number: 1, reason: "node \(info.node) runs alone",
      createdAt: Timestamp(unixMilliseconds: Int64(clamping: info.incarnation)),
      shards: assignments)
    var shardMap = ShardMap(service: info.service, shardCount: shardCount)
    _ = shardMap.apply(plan)
    nodeID = info.node
    state = Mutex(
      State(
        snapshot: ClusterSnapshot(
          shardMap: shardMap, members: [info.node: ClusterMember(info: info, liveness: .alive)],
          planNumber: plan.number, coordinatorReachable: true), plan: plan))
  }

  package var snapshot: ClusterSnapshot { state.withLock { $0.snapshot } }

  /// Calls `listener` once, before it returns, on the caller's thread; later on that of whoever reports.
  package func addListener(_ listener: @escaping @Sendable (ClusterChange) -> Void) {
    state.withLock { state in
      state.listeners.append(listener)
      // Under the lock, so that no later change overtakes it; listeners only hop elsewhere.
      listener(
        ClusterChange(
          snapshot: state.snapshot,
          assignments: state.snapshot.shardMap.assignments.compactMap(\.self)))
    }
  }

  /// Gives shards whose stores have seen higher epochs higher ones.
  package func report(_ reports: [ShardReport], heard: @escaping @Sendable () -> Void) {
    defer { heard() }
    state.withLock { state in
      var isChanged = false
      for report in reports {
        guard
          let place = state.plan.shards.firstIndex(where: {
            $0.shard == report.shard && $0.epoch == report.epoch && $0.epoch <= report.seenEpoch
          }), report.seenEpoch.number < .max
        else { continue }
        state.plan.shards[place].epoch = report.seenEpoch.next
        isChanged = true
      }
      guard isChanged else { return }
      state.plan.number += 1
      let changed = state.snapshot.shardMap.apply(state.plan)
      state.snapshot.planNumber = state.plan.number
      let change = ClusterChange(snapshot: state.snapshot, assignments: changed)
      for listener in state.listeners { listener(change) }
    }
  }
}
