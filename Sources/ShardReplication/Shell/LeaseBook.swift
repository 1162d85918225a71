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

  private let settings: ShardReplicationSettings
  private let state: Mutex<State>

  package init(settings: ShardReplicationSettings, now: Uptime) {
    self.settings = settings
    state = Mutex(State(initial: now.adding(settings.lease + settings.leaseMargin)))
  }

  /// An append of the shard is answered, whose primary means to answer for so long.
  package func promise(_ shard: ShardID, for asked: Duration = .zero, now: Uptime) {
    let end = now.adding(max(asked, settings.lease) + settings.leaseMargin)
    state.withLock { $0.promises[shard] = max($0.promises[shard] ?? 0, end) }
  }

  /// The primary answers nothing any more.
  package func release(_ shard: ShardID) { state.withLock { $0.promises[shard] = 0 } }

  /// When this node may serve the shard as its primary.
  ///
  /// - Parameter isReplicated: whether the shard has copies by the plan. Without any, an earlier process of this node is not
  ///   taken to have promised something, so that a lone node serves at once; what this one has promised counts: the shard
  ///   may have lost its last copy a moment ago, and that copy be the primary that was promised.
  package func end(of shard: ShardID, isReplicated: Bool) -> Uptime {
    state.withLock { $0.promises[shard] ?? (isReplicated ? $0.initial : 0) }
  }
}
