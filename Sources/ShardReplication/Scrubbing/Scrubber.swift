import CloudstateModel
import Dispatch
package import Logging
import NIOCore
import NIOPosix
package import ShardStore
import Synchronization

/// Reads a node's copies from end to end, slowly, and has those that are damaged replaced before anyone needs them: a
/// primary's by a failover to an in-sync copy, a replica's by its primary. May be used from any thread.
package final class Scrubber: Sendable {
  /// What it has done since the node was started.
  package struct Counts: Hashable, Sendable {
    package var passes = 0
    /// Copies that were read whole, damaged ones included.
    package var copies = 0
    package var bytes: UInt64 = 0
    package var damagedCopies = 0
  }

  private struct State {
    var counts = Counts()
    var isStopped = false
    /// Bytes that were read and not waited for yet.
    var unpaid = 0
  }

  /// So much is read at once before the rate is looked at.
  private static let portion = 64 << 10

  private let settings: ScrubSettings
  private let store: any ShardVerifying
  private let replicator: ShardReplicator
  private let logger: Logger
  private let budget: ReadBudget
  /// Of its own: it sleeps most of the time.
  private let thread = NIOThreadPool(numberOfThreads: 1)
  private let state = Mutex(State())
  /// Wakes a read that waits for its turn.
  private let stopping = DispatchSemaphore(value: 0)

  package init(
    settings: ScrubSettings, store: any ShardVerifying, replicator: ShardReplicator,
    logger: Logger
  ) {
    self.settings = settings
    self.store = store
    self.replicator = replicator
    self.logger = logger
    budget = ReadBudget(bytesPerSecond: settings.bytesPerSecond)
    thread.start()
  }

  package var counts: Counts { state.withLock { $0.counts } }

  /// Scrubs until the task is cancelled or ``stop()`` is called.
  package func run() async throws {
    guard settings.bytesPerSecond > 0 else { return }
    var schedule = ScrubSchedule(interval: settings.interval, startedAt: Self.now)
    while !isStopped {
      switch schedule.next(of: await replicator.heldShards(), now: Self.now) {
      case .verify(let shard): try await check(shard)
      case .passed: notePass()
      case .rest(let until):
        try await Task.sleep(for: .nanoseconds(Int64(clamping: until.since(Self.now))))
      }
    }
  }

  /// Ends what is being read; the store may be closed afterwards.
  package func stop() async throws {
    end()
    try await thread.shutdownGracefully()
  }

  // MARK: One copy

  private static var now: Uptime { NIODeadline.now().uptimeNanoseconds }

  private var isStopped: Bool { state.withLock { $0.isStopped } }

  private func check(_ shard: ShardID) async throws {
    let generation = store.generation(of: shard)
    let result: Result<ShardDigest, StoreError>
    do {
      result = try await withTaskCancellationHandler {
        try await thread.runIfActive { self.read(shard) }
      } onCancel: {
        end()
      }
    } catch {
      // The thread takes nothing more: the node is stopping.
      return
    }
    switch result {
    case .success: state.withLock { $0.counts.copies += 1 }
    case .failure(let error) where error.code == .corruptRecord:
      let count = state.withLock { state in
        state.counts.copies += 1
        state.counts.damagedCopies += 1
        return state.counts.damagedCopies
      }
      logger.error(
        "scrubbing has found damage: \(error.message)",
        metadata: ["shard": "\(shard)", "damagedCopies": "\(count)"])
      let store = store
      replicator.scrubbed(shard, error.message) {
        store.markDamaged(shard, generation: generation, error)
      }
    case .failure(let error):
      guard !isStopped, error.code != .closed else { return }
      logger.warning("a copy could not be checked: \(error)", metadata: ["shard": "\(shard)"])
    }
  }

  private func read(_ shard: ShardID) -> Result<ShardDigest, StoreError> {
    Result { () throws(StoreError) in
      try store.verify(shard) { (bytes) throws(StoreError) in
        let due = state.withLock { state -> Int? in
          state.unpaid += bytes
          state.counts.bytes += UInt64(bytes)
          guard state.unpaid >= Self.portion else { return nil }
          defer { state.unpaid = 0 }
          return state.unpaid
        }
        if let due { try pay(due) }
      }
    }
  }

  /// Waits as long as reading so much may take.
  private func pay(_ bytes: Int) throws(StoreError) {
    let wait = budget.take(bytes, now: Self.now)
    let deadline = DispatchTime.now() + .nanoseconds(Int(clamping: wait))
    guard !isStopped, stopping.wait(timeout: deadline) == .timedOut else {
      throw StoreError(.closed, "the node is stopping")
    }
  }

  private func end() {
    state.withLock { $0.isStopped = true }
    stopping.signal()
  }

  private func notePass() {
    let counts = state.withLock { state in
      state.counts.passes += 1
      return state.counts
    }
    logger.info(
      "all copies were checked",
      metadata: [
        "passes": "\(counts.passes)", "copies": "\(counts.copies)",
        "damagedCopies": "\(counts.damagedCopies)",
      ])
  }
}
