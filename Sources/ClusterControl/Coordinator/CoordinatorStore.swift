package import CloudstateModel
import Synchronization

/// Where a coordinator keeps what it must not forget.
///
/// All members block on the disk and are called on the coordinator's disk thread, one at a time.
package protocol CoordinatorStore: Sendable {
  /// What was last saved; `nil` for a new store.
  ///
  /// - Throws: ``ClusterError`` with `.corruptRecord`, `.unknownFormatVersion` or `.storeFailed`.
  func load() throws(ClusterError) -> CoordinatorRecord?

  /// Replaces the record, whole or not at all, and keeps its plan in the history. On return it is
  /// on stable storage.
  ///
  /// - Throws: ``ClusterError`` with `.storeFailed`; nothing is known of the outcome then, so the
  ///   caller must not go on. `.leadershipLost` if another coordinator may write instead.
  func save(_ record: CoordinatorRecord) throws(ClusterError)

  /// The newest plans, the newest first, at most `limit`. All of them are in memory at once: ask for few.
  ///
  /// - Parameter before: leaves out the plan of this number and newer ones.
  /// - Throws: ``ClusterError`` with `.corruptRecord` or `.storeFailed`.
  func planHistory(limit: Int, before: UInt64?) throws(ClusterError) -> [Plan]

  /// The newest rebalances as they were last saved, the newest first, at most `limit`.
  ///
  /// - Parameter before: leaves out the rebalance of this number and newer ones.
  /// - Throws: ``ClusterError`` with `.corruptRecord` or `.storeFailed`.
  func rebalanceHistory(limit: Int, before: UInt64?) throws(ClusterError) -> [Rebalance]

  /// Gives the store free for another process. Later calls throw `.stopped`.
  func close()
}

extension CoordinatorStore {
  /// Of a store that keeps no history of rebalances.
  package func rebalanceHistory(
    limit: Int, before: UInt64?
  ) throws(ClusterError) -> [Rebalance] { [] }

  package func planHistory(limit: Int) throws(ClusterError) -> [Plan] {
    try planHistory(limit: limit, before: nil)
  }

  package func rebalanceHistory(limit: Int) throws(ClusterError) -> [Rebalance] {
    try rebalanceHistory(limit: limit, before: nil)
  }
}

/// A store in memory: for tests, and for a coordinator whose plans need not outlive it.
package final class InMemoryCoordinatorStore: CoordinatorStore {
  private let state = Mutex(State())

  private struct State {
    var record: CoordinatorRecord?
    var plans: [Plan] = []
    var rebalances: [Rebalance] = []
  }

  package init() {}

  package func load() -> CoordinatorRecord? { state.withLock { $0.record } }

  package func save(_ record: CoordinatorRecord) {
    state.withLock { state in
      if record.plan.number > state.plans.last?.number ?? 0 {
        state.plans.append(record.plan)
        if state.plans.count > RocksDBCoordinatorStore.retainedPlans { state.plans.removeFirst() }
      }
      if let rebalance = record.rebalance {
        if state.rebalances.last?.id == rebalance.id { state.rebalances.removeLast() }
        state.rebalances.append(rebalance)
        if state.rebalances.count > RocksDBCoordinatorStore.retainedRebalances {
          state.rebalances.removeFirst()
        }
      }
      state.record = record
    }
  }

  package func planHistory(limit: Int, before: UInt64? = nil) -> [Plan] {
    state.withLock { state in
      Array(state.plans.reversed().drop { $0.number >= before ?? .max }.prefix(limit))
    }
  }

  package func rebalanceHistory(limit: Int, before: UInt64? = nil) -> [Rebalance] {
    state.withLock { state in
      Array(state.rebalances.reversed().drop { $0.id >= before ?? .max }.prefix(limit))
    }
  }

  /// Does nothing: the content stays for the next coordinator, as on a disk.
  package func close() {}
}
