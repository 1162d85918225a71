import CloudstateModel
import Synchronization

/// What the committer shows to other threads: last positions, and who wants to hear of new ones.
final class CommitBoard: Sendable {
  private let positions = Mutex<[ShardID: Position]>([:])
  private let listeners = Mutex<[@Sendable ([ShardID: Position]) -> Void]>([])

  /// The last committed position of a shard that was opened, else `nil`.
  func lastPosition(of shard: ShardID) -> Position? { positions.withLock { $0[shard] } }

  /// Any thread. The listener stays.
  func addListener(_ listener: @escaping @Sendable ([ShardID: Position]) -> Void) {
    listeners.withLock { $0.append(listener) }
  }

  /// Committer only.
  func show(_ grown: [ShardID: Position]) {
    positions.withLock { positions in
      for (shard, position) in grown { positions[shard] = position }
    }
  }

  /// Committer only; calls the listeners outside the lock.
  func tellListeners(_ grown: [ShardID: Position]) {
    for listener in listeners.withLock({ $0 }) { listener(grown) }
  }
}

/// Outcomes of one sync, gathered by sink in the order of submission.
struct CommitReports {
  private struct Report {
    let sink: any CommitSink
    var outcomes: [CommitOutcome]
  }

  private var reports: [Report] = []
  private var indexes: [ObjectIdentifier: Int] = [:]
  private var lastIndex: Int?

  /// A success is provisional until ``deliver()``.
  mutating func append(
    _ result: Result<Position, StoreError>, token: UInt64, to sink: any CommitSink
  ) {
    reports[index(of: sink)].outcomes.append(CommitOutcome(token: token, result: result))
  }

  private mutating func index(of sink: any CommitSink) -> Int {
    if let lastIndex, reports[lastIndex].sink === sink { return lastIndex }
    let identity = ObjectIdentifier(sink)
    let index = indexes[identity] ?? reports.count
    if index == reports.count {
      indexes[identity] = index
      reports.append(Report(sink: sink, outcomes: []))
    }
    lastIndex = index
    return index
  }

  /// Turns every provisional success into a failure.
  mutating func withdrawSuccesses(_ error: StoreError) {
    for index in reports.indices {
      reports[index].outcomes = reports[index].outcomes.map { outcome in
        guard case .success = outcome.result else { return outcome }
        return CommitOutcome(token: outcome.token, result: .failure(error))
      }
    }
  }

  /// Calls every sink once.
  mutating func deliver() {
    for report in reports { report.sink.completed(report.outcomes) }
    reports.removeAll(keepingCapacity: true)
    indexes.removeAll(keepingCapacity: true)
    lastIndex = nil
  }
}
