import NIOCore

/// The calls of a client that wait for the connection or for room on it, first come first served.
/// Bounded. A call that ends while it waits is only counted out and skipped later; the queue is
/// compacted before such calls outnumber the others.
struct WaitingCalls {
  private var calls = CircularBuffer<ClientCall>()
  private var gone = 0
  /// The most calls that may wait.
  let maximumCount: Int

  /// Begins empty.
  init(maximumCount: Int) { self.maximumCount = maximumCount }

  /// The calls that wait.
  var count: Int { calls.count - gone }

  /// Answers `false` when the queue is full.
  mutating func append(_ call: ClientCall) -> Bool {
    guard count < maximumCount else { return false }
    calls.append(call)
    call.isQueued = true
    return true
  }

  /// Takes out the call that waits longest, if there is one.
  mutating func popFirst() -> ClientCall? {
    while let call = calls.popFirst() {
      if call.isQueued {
        call.isQueued = false
        return call
      }
      gone -= 1
    }
    return nil
  }

  /// A call in the queue has ended and is no longer marked as queued.
  mutating func oneEnded() {
    gone += 1
    guard gone > 64, gone > calls.count / 2 else { return }
    calls = CircularBuffer(calls.filter(\.isQueued))
    gone = 0
  }

  /// Takes out the waiting calls for which `predicate` holds.
  mutating func take(where predicate: (ClientCall) -> Bool) -> [ClientCall] {
    var taken: [ClientCall] = []
    var left = CircularBuffer<ClientCall>()
    for call in calls where call.isQueued {
      if predicate(call) {
        call.isQueued = false
        taken.append(call)
      } else {
        left.append(call)
      }
    }
    calls = left
    gone = 0
    return taken
  }
}
