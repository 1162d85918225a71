import CloudstateModel
import Dispatch
import Synchronization

/// The bounded queue between all threads and the committer.
///
/// The bounds hold for batches and deltas. A refused batch leaves a token of a few words in the queue until its
/// outcome is reported; a submitter that waits for outcomes before it goes on bounds those. Everything else is
/// small, and rare, or waited for by a thread.
final class CommitQueue: Sendable {
  private enum Phase { case accepting, draining, ended }

  private struct State {
    var entries: [CommitEntry] = []
    var batches = 0
    var bytes = 0
    var phase = Phase.accepting
    /// The committer waits for `wake`; whoever clears this signals.
    var committerSleeps = false

    /// Hands everything over in exchange for the empty array `other`.
    mutating func exchange(_ other: inout [CommitEntry]) -> Bool {
      guard !entries.isEmpty else { return false }
      swap(&entries, &other)
      batches = 0
      bytes = 0
      return true
    }
  }

  private let maximumBatches: Int
  private let maximumBytes: Int
  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)

  init(_ configuration: ShardStoreConfiguration) {
    maximumBatches = configuration.maximumQueuedBatches
    maximumBytes = configuration.maximumQueuedBytes
  }

  /// Any thread. Takes a lock for a few instructions.
  func submit(_ batch: ShardBatch, token: UInt64, to sink: any CommitSink) {
    add(batch.approximateBytes, token: token, to: sink) {
      .batch(batch, token: token, sink: sink)
    }
  }

  /// Any thread; the same bounds.
  func submit(_ write: ReplicaWrite, token: UInt64, to sink: any CommitSink) {
    add(write.approximateBytes, token: token, to: sink, replica: write.entity) {
      .replica(write, token: token, sink: sink)
    }
  }

  private func add(
    _ size: Int, token: UInt64, to sink: any CommitSink, replica: EntityKey? = nil,
    _ makeEntry: () -> CommitEntry
  ) {
    let isTaken = add { (state: inout State) in
      if let refusal = admit(size, &state) {
        return .refused(refusal, token: token, sink: sink, replica: replica)
      }
      return makeEntry()
    }
    // The committer is gone, and with it everything it had to report before this.
    if !isTaken { sink.completed([CommitOutcome(token: token, result: .failure(.closed))]) }
  }

  /// Makes room for something of that size, or answers why there is none.
  private func admit(_ size: Int, _ state: inout State) -> StoreError? {
    if state.phase == .draining { return .closed }
    // A batch larger than the bound is taken when nothing else waits, or it could never be.
    guard
      state.batches < maximumBatches, state.batches == 0 || state.bytes + size <= maximumBytes
    else { return .overloaded }
    state.batches += 1
    state.bytes += size
    return nil
  }

  /// Any thread; the same bounds.
  func append(_ append: CopyAppend, completion: @escaping Completion<CopyAppendOutcome>) {
    let size = append.approximateBytes
    let isTaken = add { (state: inout State) in
      if let refusal = admit(size, &state) { return .failed { completion(.failure(refusal)) } }
      return .append(append, completion)
    }
    if !isTaken { completion(.failure(.closed)) }
  }

  /// Any thread. Answers `false` if the committer is gone; the entry is lost then.
  func add(_ entry: CommitEntry) -> Bool { add { _ in entry } }

  private func add(_ makeEntry: (inout State) -> CommitEntry) -> Bool {
    let (isTaken, mustWake) = state.withLock { state in
      guard state.phase != .ended else { return (false, false) }
      state.entries.append(makeEntry(&state))
      defer { state.committerSleeps = false }
      return (true, state.committerSleeps)
    }
    if mustWake { wake.signal() }
    return isTaken
  }

  /// From now on batches are refused; what was queued before is still taken.
  func close() {
    let mustWake = state.withLock { state in
      if state.phase == .accepting { state.phase = .draining }
      defer { state.committerSleeps = false }
      return state.committerSleeps
    }
    if mustWake { wake.signal() }
  }

  /// Committer only. Waits until there is something and exchanges it for the empty array `entries`.
  /// Answers `false` once the queue is closed and empty.
  func take(into entries: inout [CommitEntry]) -> Bool {
    while true {
      let answer: Bool? = state.withLock { state in
        if state.exchange(&entries) { return true }
        if state.phase != .accepting {
          state.phase = .ended
          return false
        }
        state.committerSleeps = true
        return nil
      }
      if let answer { return answer }
      wake.wait()
    }
  }

  /// Committer only. Like ``take(into:)``, but answers `false` if there is nothing now.
  func takeWithoutWaiting(into entries: inout [CommitEntry]) -> Bool {
    state.withLock { state in
      if state.exchange(&entries) { return true }
      if state.phase == .draining { state.phase = .ended }
      return false
    }
  }
}

extension StoreError {
  /// The answer to everything after ``ShardStore/close()``.
  static let closed = StoreError(.closed, "the store is closed: the node is stopping")

  /// The queue's bound is reached.
  static let overloaded = StoreError(
    .overloaded,
    "too many batches wait for the disk; try again later, and if it lasts, look for a slow disk")
}

extension ShardBatch {
  /// About how much memory the batch holds while it waits.
  var approximateBytes: Int {
    var bytes = 256 + entity.persistenceID.utf8.count + entity.entityID.utf8.count
    for event in events { bytes += event.approximateBytes }
    if let snapshot { bytes += snapshot.approximateBytes }
    if let idempotency { bytes += idempotency.key.utf8.count + idempotency.answer.count }
    return bytes
  }
}

extension ReplicaWrite {
  /// Likewise.
  var approximateBytes: Int {
    let content =
      switch change {
      case .delta(let content, _), .whole(let content, _): content.count
      }
    return 128 + entity.persistenceID.utf8.count + entity.entityID.utf8.count + content
  }
}

extension OpaquePayload {
  /// Bytes of content, as limits on reads and queues count them.
  var approximateBytes: Int { typeURL.utf8.count + value.count + 16 }
}
