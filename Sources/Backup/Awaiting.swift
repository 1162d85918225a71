import Dispatch
import ShardStore
import Synchronization

/// A value that another thread sets once, for a thread that may wait.
final class Awaited<Value: Sendable>: Sendable {
  private let content = Mutex<Value?>(nil)
  private let isSet = DispatchSemaphore(value: 0)

  func set(_ value: Value) {
    content.withLock { $0 = value }
    isSet.signal()
  }

  /// Waits for the value.
  var value: Value {
    while true {
      if let value = content.withLock({ $0 }) { return value }
      isSet.wait()
    }
  }
}

/// Waits for the outcome of one write after the other.
final class WriteSink: CommitSink {
  private let waiting = Mutex<Awaited<CommitOutcome>?>(nil)

  func completed(_ outcomes: [CommitOutcome]) {
    guard let outcome = outcomes.first else { return }
    waiting.withLock { $0 }?.set(outcome)
  }

  /// - Parameter submit: gives one write to the store.
  func awaiting(_ submit: () -> Void) -> Result<Void, StoreError> {
    let awaited = Awaited<CommitOutcome>()
    waiting.withLock { $0 = awaited }
    submit()
    return awaited.value.result.map { _ in }
  }
}
