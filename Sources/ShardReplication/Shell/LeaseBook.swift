package import CloudstateModel
import Synchronization

/// What this node has promised to primaries whose shards it keeps copies of: until when it will serve nobody.
/// Any thread.
package final class LeaseBook: Sendable {
  private struct State {
    var promises: [ShardID: Uptime] = [:]
    /// For shards that nothing is known of: an earlier process of this node may have promised something.
    var initial: Uptime
  }

  private let term: Duration
  private let state: Mutex<State>

  package init(settings: ShardReplicationSettings, now: Uptime) {
    term = settings.lease + settings.leaseMargin
    state = Mutex(State(initial: now.adding(settings.lease + settings.leaseMargin)))
  }

  /// An append of the shard is answered.
  package func promise(_ shard: ShardID, now: Uptime) {
    state.withLock { $0.promises[shard] = max($0.promises[shard] ?? 0, now.adding(term)) }
  }

  /// The primary answers nothing any more.
  package func release(_ shard: ShardID) { state.withLock { $0.promises[shard] = 0 } }

  /// When this node may serve the shard as its primary.
  package func end(of shard: ShardID) -> Uptime {
    state.withLock { $0.promises[shard] ?? $0.initial }
  }
}
