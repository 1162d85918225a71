import CloudstateModel

/// Outcomes of one sync: of the shards that were opened, then those of batches gathered by sink in the order of
/// submission, and behind them the completions of everything else in its own.
///
/// A shard that goes on under a higher epoch takes batches as soon as it is queued for opening. Whoever counts on from
/// where it ended when it was opened must hear of that before.
struct CommitReports {
  private struct Report {
    let sink: any CommitSink
    var outcomes: [CommitOutcome]
  }

  private var reports: [Report] = []
  private var indexes: [ObjectIdentifier: Int] = [:]
  private var lastIndex: Int?
  private var openings: [(_ failure: StoreError?) -> Void] = []
  private var completions: [(_ failure: StoreError?) -> Void] = []
  /// Why what was to succeed did not.
  private var failure: StoreError?

  /// A success is provisional until ``deliver()``.
  mutating func append(
    _ result: Result<ShardEnd, StoreError>, token: UInt64, to sink: any CommitSink
  ) {
    let outcome =
      switch result {
      case .success(let end):
        CommitOutcome(token: token, result: .success(end.position), time: end.time)
      case .failure(let error): CommitOutcome(token: token, result: .failure(error))
      }
    reports[index(of: sink)].outcomes.append(outcome)
  }

  /// Likewise.
  mutating func append<Value>(
    _ result: Result<Value, StoreError>,
    to completion: @escaping (Result<Value, StoreError>) -> Void
  ) {
    completions.append(Self.report(result, to: completion))
  }

  /// Likewise, of a shard that is opened.
  mutating func appendOpening(
    _ result: Result<ShardEnd, StoreError>,
    to completion: @escaping (Result<ShardEnd, StoreError>) -> Void
  ) {
    openings.append(Self.report(result, to: completion))
  }

  private static func report<Value>(
    _ result: Result<Value, StoreError>,
    to completion: @escaping (Result<Value, StoreError>) -> Void
  ) -> (_ failure: StoreError?) -> Void {
    { failure in
      completion(result.flatMap { value in failure.map { .failure($0) } ?? .success(value) })
    }
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
    failure = error
    for index in reports.indices {
      reports[index].outcomes = reports[index].outcomes.map { outcome in
        guard case .success = outcome.result else { return outcome }
        return CommitOutcome(token: outcome.token, result: .failure(error))
      }
    }
  }

  /// Calls every sink once, and every completion.
  mutating func deliver() {
    for opening in openings { opening(failure) }
    for report in reports { report.sink.completed(report.outcomes) }
    for completion in completions { completion(failure) }
    reports.removeAll(keepingCapacity: true)
    openings.removeAll(keepingCapacity: true)
    completions.removeAll(keepingCapacity: true)
    indexes.removeAll(keepingCapacity: true)
    lastIndex = nil
    failure = nil
  }
}
