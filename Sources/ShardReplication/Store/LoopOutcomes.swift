import CloudstateModel
import NIOCore
import ShardStore

/// The batches of the replicated shards of one event loop, between the store and who submitted them.
final class LoopOutcomes: CommitSink {
  /// A batch that is with the store.
  private struct Submitted {
    let batch: ShardBatch
    let token: UInt64
    let sink: any CommitSink
  }

  private struct State {
    /// Shards whose outcomes are held, with what is held.
    var shards: [ShardID: HeldOutcomes] = [:]
    var submitted: [UInt64: Submitted] = [:]
    var lastToken: UInt64 = 0
    var committed: ((ShardID, [SealedDelta]) -> Void)?
    var stopped: ((ShardID, String) -> Void)?
  }

  let eventLoop: any EventLoop
  private let state: NIOLoopBoundBox<State>

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
  }

  // MARK: On the loop

  /// Tells of batches that are durable here, once for each shard and sync, and of shards that the disk has
  /// stopped.
  func listen(
    committed: @escaping (ShardID, [SealedDelta]) -> Void,
    stopped: @escaping (ShardID, String) -> Void
  ) {
    state.value.committed = committed
    state.value.stopped = stopped
  }

  func stopListening() {
    state.value.committed = nil
    state.value.stopped = nil
  }

  func isHeld(_ shard: ShardID) -> Bool { state.value.shards[shard] != nil }

  /// Holds the outcomes of what is submitted from now on.
  func hold(_ shard: ShardID) {
    if state.value.shards[shard] == nil { state.value.shards[shard] = HeldOutcomes() }
  }

  func submit(
    _ batch: ShardBatch, token: UInt64, to sink: any CommitSink, in store: any ShardStore
  ) {
    state.value.lastToken += 1
    let own = state.value.lastToken
    state.value.submitted[own] = Submitted(batch: batch, token: token, sink: sink)
    store.submit(batch, token: own, to: self)
  }

  /// Gives out what was held up to this position.
  func release(_ shard: ShardID, upTo position: Position) {
    state.value.shards[shard]?.take(upTo: position).deliver()
  }

  /// Nothing more of the shard will be confirmed here.
  func end(_ shard: ShardID, because reason: String) {
    state.value.shards[shard]?.takeAll(failing: Self.unconfirmed(reason)).deliver()
  }

  /// Holds no longer.
  func forget(_ shard: ShardID) {
    end(shard, because: "the shard was closed")
    state.value.shards.removeValue(forKey: shard)
  }

  // MARK: Committer thread

  func completed(_ outcomes: [CommitOutcome]) {
    eventLoop.execute { self.take(outcomes) }
  }

  private func take(_ outcomes: [CommitOutcome]) {
    var committed: [ShardID: [SealedDelta]] = [:]
    var order: [ShardID] = []
    var failed: [ShardID: StoreError] = [:]
    for outcome in outcomes {
      guard let submitted = state.value.submitted.removeValue(forKey: outcome.token) else {
        continue
      }
      let shard = submitted.batch.shard
      var result = outcome.result
      if case .success(let position) = outcome.result {
        if isHeld(shard) {
          let delta = ShardDelta(of: submitted.batch, at: position, time: outcome.time)
          if committed[shard] == nil { order.append(shard) }
          committed[shard, default: []].append(
            SealedDelta(
              position: position, epoch: delta.epoch, bytes: delta.sealed(in: shard)))
        } else {
          result = .failure(Self.unconfirmed("the shard was closed"))
        }
      }
      let own = CommitOutcome(token: submitted.token, result: result, time: outcome.time)
      if case .failure(let error) = result { failed[shard] = error }
      if isHeld(shard) {
        state.value.shards[shard]?.append(own, for: submitted.sink)
      } else {
        submitted.sink.completed([own])
      }
    }
    for shard in order {
      guard let deltas = committed[shard] else { continue }
      state.value.committed?(shard, deltas)
    }
    for (shard, error) in failed {
      // Failures wait for what was submitted before them, and for nothing else.
      release(shard, upTo: .start)
      if error.code == .writeFailed || error.code == .shardStopped {
        state.value.stopped?(shard, error.message)
      }
    }
  }

  private static func unconfirmed(_ reason: String) -> StoreError {
    StoreError(.unconfirmed, reason)
  }
}
