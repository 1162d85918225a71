package import CloudstateModel
import DequeModule
package import ShardStore

/// Outcomes of one shard's batches that are durable here and not yet at all copies that are waited for, in the
/// order of submission.
package struct HeldOutcomes {
  package struct Outcome {
    package let sink: any CommitSink
    package let outcome: CommitOutcome
  }

  private var held: Deque<Outcome> = []

  package init() {}

  package var isEmpty: Bool { held.isEmpty }

  package mutating func append(_ outcome: CommitOutcome, for sink: any CommitSink) {
    held.append(Outcome(sink: sink, outcome: outcome))
  }

  /// Takes what may be given out once everything up to `position` is confirmed: failures wait for nothing but
  /// their turn.
  package mutating func take(upTo position: Position) -> [Outcome] {
    var taken: [Outcome] = []
    while let first = held.first {
      if case .success(let own) = first.outcome.result, own > position { break }
      taken.append(held.removeFirst())
    }
    return taken
  }

  /// Takes everything; what is not confirmed has failed for this reason.
  package mutating func takeAll(failing error: StoreError) -> [Outcome] {
    defer { held.removeAll() }
    return held.map { held in
      guard case .success = held.outcome.result else { return held }
      return Outcome(
        sink: held.sink, outcome: CommitOutcome(token: held.outcome.token, result: .failure(error)))
    }
  }
}

extension [HeldOutcomes.Outcome] {
  /// Tells each sink once, in order.
  func deliver() {
    var start = startIndex
    while start < endIndex {
      let sink = self[start].sink
      var end = start
      while end < endIndex, self[end].sink === sink { end += 1 }
      sink.completed(self[start..<end].map(\.outcome))
      start = end
    }
  }
}
