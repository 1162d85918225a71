import CloudstateModel
import ShardStore
import Synchronization
import TestSupport
import Testing

/// A sink that keeps every outcome in the order of arrival, and how they came in calls.
final class OutcomeRecorder: CommitSink {
  private let calls = Mutex<[[CommitOutcome]]>([])

  func completed(_ outcomes: [CommitOutcome]) { calls.withLock { $0.append(outcomes) } }

  /// Outcomes of each call.
  var callSizes: [Int] { calls.withLock { $0.map(\.count) } }

  var outcomes: [CommitOutcome] { calls.withLock { $0.flatMap(\.self) } }

  /// Waits until `count` outcomes are there.
  func wait(for count: Int) async throws -> [CommitOutcome] {
    try await eventually("\(count) outcomes") { outcomes.count >= count }
    return outcomes
  }
}

extension CommitOutcome {
  /// The position, or `nil` for a failure.
  var position: Position? { try? result.get() }

  /// The failure's code, or `nil` for a success.
  var failure: StoreError.Code? {
    guard case .failure(let error) = result else { return nil }
    return error.code
  }
}

extension ShardStore {
  /// Submits one batch and waits for its outcome.
  @discardableResult
  func commit(_ batch: ShardBatch) async throws -> CommitOutcome {
    let recorder = OutcomeRecorder()
    submit(batch, token: 0, to: recorder)
    return try await recorder.wait(for: 1)[0]
  }
}
