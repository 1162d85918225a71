import NIOCore

/// The calls of a client that wait for the connection or for room on it, first come first served.
/// Bounded. A call that ends while it waits is only counted out and skipped later; the queue is compacted
/// before such calls outnumber the others.
struct WaitingCalls {
  private var calls = CircularBuffer<ClientCall>()
  private var gone = 0
  let maximumCount: Int

  init(maximumCount: Int) { self.maximumCount = maximumCount }

  var count: Int { calls.count - gone }

  /// Answers `false` when the queue is full.
  mutating func append(_ call: ClientCall) -> Bool {
    guard count < maximumCount else { return false }
    calls.append(call)
    return true
  }

  mutating func popFirst() -> ClientCall? {
    while let call = calls.popFirst() {
      if call.isWaiting { return call }
      gone -= 1
    }
    return nil
  }

  /// A call in the queue has ended.
  mutating func oneEnded() {
    gone += 1
    guard gone > 64, gone > calls.count / 2 else { return }
    calls = CircularBuffer(calls.filter(\.isWaiting))
    gone = 0
  }

  /// Takes out the waiting calls for which `predicate` holds.
  mutating func take(where predicate: (ClientCall) -> Bool) -> [ClientCall] {
    let live = calls.filter(\.isWaiting)
    calls = CircularBuffer(live.filter { !predicate($0) })
    gone = 0
    return live.filter(predicate)
  }
}
