import Synchronization

/// A committer without a thread.
final class ManualCommitter: Sendable {
  private let queue: CommitQueue
  private let cycle: Mutex<CommitCycle<InMemoryBackend>>

  init(queue: CommitQueue, cycle: consuming sending CommitCycle<InMemoryBackend>) {
    self.queue = queue
    self.cycle = Mutex(cycle)
  }

  func commitPending() {
    cycle.withLock { cycle in
      var entries: [CommitEntry] = []
      while queue.takeWithoutWaiting(into: &entries) {
        cycle.process(entries)
        entries.removeAll(keepingCapacity: true)
      }
    }
  }
}
