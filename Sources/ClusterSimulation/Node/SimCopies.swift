import CloudstateModel
import ShardReplication
import ShardStore

/// What nodes say to each other of their copies: the product's `AppendOutbox`, `CopyServer` and `CopyFetcher`.
final class SimCopies {
  private unowned let run: NodeRun
  private let process: SimProcess

  init(_ run: NodeRun) {
    self.run = run
    process = run.process
  }

  private var timeout: UInt64 { run.cluster.settings.replication.appendTimeout.asNanoseconds }

  // MARK: The primary's side

  func send(
    _ send: CopySend, of shard: ShardID, completion: @escaping (CopyAnswer) -> Void
  ) {
    guard let peer = run.cluster.node(send.node) else {
      return completion(CopyAnswer(tag: send.tag, outcome: .failed("no link")))
    }
    if run.has(.joinAlone), run.shards.machines[shard]?.phase == .joining {
      process.after(Span.microsecond) {
        completion(CopyAnswer(tag: send.tag, outcome: .appended(send.after)))
      }
      return
    }
    let message = spoiled(send, of: shard)
    run.cluster.network.request(
      "append \(shard.index) epoch \(send.epoch) behind \(send.after): \(send.deltas.count)"
        + (send.startsOver ? ", starts over" : "") + (send.releasesLease ? ", releases" : ""),
      from: process, to: peer.process, timeout: timeout
    ) { answer in
      guard let other = peer.run else { return answer(.failure(.refused)) }
      other.copies.append(message, of: shard) { answer(.success($0)) }
    } completion: { (result: Result<CopyAnswer.Outcome, SimBusFailure>) in
      switch result {
      case .success(let outcome): completion(CopyAnswer(tag: send.tag, outcome: outcome))
      case .failure(let failure):
        completion(CopyAnswer(tag: send.tag, outcome: .failed(failure.rawValue)))
      }
    }
  }

  /// The append as a planted bug would send it.
  private func spoiled(_ send: CopySend, of shard: ShardID) -> CopySend {
    guard run.has(.forgetIdempotency) || run.has(.loseSnapshot) else { return send }
    var other = send
    other.deltas = send.deltas.map { sealed in
      guard var delta = try? ShardDelta.open(sealed.bytes, in: shard) else { return sealed }
      if run.has(.forgetIdempotency) {
        delta.idempotency = nil
      } else {
        delta.snapshot = nil
      }
      return SealedDelta(
        position: sealed.position, epoch: sealed.epoch, bytes: delta.sealed(in: shard))
    }
    return other
  }

  /// Fetches a page of what another copy has and appends it here.
  func fetch(
    _ shard: ShardID, from node: NodeID, after: Position, afterEpoch: Epoch, epoch: Epoch,
    completion: @escaping (Result<ShardEnd, StoreError>) -> Void
  ) {
    guard let peer = run.cluster.node(node) else { return }
    let limit = run.cluster.settings.replication.pageBytes
    run.cluster.network.request(
      "fetch \(shard.index) behind \(after)", from: process, to: peer.process, timeout: timeout
    ) { answer in
      guard let other = peer.run else { return answer(.failure(.refused)) }
      other.process.after(peer.readLatency()) {
        let result = Result { () throws(StoreError) in
          try other.store.store.deltas(of: shard, after: after, byteLimit: limit).map {
            $0.sealed(in: shard)
          }
        }
        answer(.success(result))
      }
    } completion: { [self] (result: Result<Result<[[UInt8]], StoreError>, SimBusFailure>) in
      let pages = result.mapError { StoreError(.readFailed, "\(node) lends nothing: \($0)") }
      take(
        pages.flatMap { $0 }, of: shard, after: after, afterEpoch: afterEpoch, epoch: epoch,
        completion: completion)
    }
  }

  private func take(
    _ page: Result<[[UInt8]], StoreError>, of shard: ShardID, after: Position, afterEpoch: Epoch,
    epoch: Epoch, completion: @escaping (Result<ShardEnd, StoreError>) -> Void
  ) {
    let deltas: [ShardDelta]
    switch page {
    case .failure(let error): return completion(.failure(error))
    case .success(let sealed): deltas = sealed.compactMap { try? ShardDelta.open($0, in: shard) }
    }
    guard let last = deltas.last else {
      return completion(.failure(StoreError(.readFailed, "no batches are lent")))
    }
    let append = CopyAppend(
      shard: shard, epoch: epoch, after: after, afterEpoch: afterEpoch, deltas: deltas,
      isOwn: true)
    run.store.append(append, leases: nil) { result in
      switch result {
      case .failure(let error): completion(.failure(error))
      case .success(.appended):
        completion(
          .success(ShardEnd(position: last.position, epoch: last.epoch, time: last.time)))
      case .success(.mismatch(let end)): completion(.success(end))
      case .success(.higherEpoch(let seen)):
        completion(.failure(StoreError(.staleEpoch, "epoch \(seen) of the shard was seen")))
      }
    }
  }

  // MARK: The copy's side

  /// An append of a shard's primary has come.
  func append(
    _ send: CopySend, of shard: ShardID, answer: @escaping (CopyAnswer.Outcome) -> Void
  ) {
    var deltas: [ShardDelta] = []
    for sealed in send.deltas {
      guard let delta = try? ShardDelta.open(sealed.bytes, in: shard) else {
        return answer(.failed("the append cannot be used"))
      }
      deltas.append(delta)
    }
    let append = CopyAppend(
      shard: shard, epoch: send.epoch, after: send.after, afterEpoch: send.afterEpoch,
      deltas: deltas, startsOver: send.startsOver)
    let last = deltas.last?.position ?? send.after
    if run.has(.ackBeforeSync), !deltas.isEmpty { answer(.appended(last)) }
    run.store.append(append, releasesLease: send.releasesLease, leases: run.leases) {
      [self] result in
      answer(outcome(of: result, append, last))
    }
  }

  private func outcome(
    of result: Result<CopyAppendOutcome, StoreError>, _ append: CopyAppend, _ last: Position
  ) -> CopyAnswer.Outcome {
    switch result {
    case .success(.appended(let position)): return .appended(position)
    case .success(.mismatch(let end)):
      if run.has(.ignoreGap), !append.deltas.isEmpty { return .appended(last) }
      return .mismatch(end)
    case .success(.higherEpoch(let seen)):
      guard run.has(.missingEpochCheck) else { return .higherEpoch(seen) }
      return takenAllTheSame(append, seen: seen, last)
    case .failure(let error) where error.code == .corruptRecord: return .damaged(error.message)
    case .failure(let error): return .failed(error.message)
    }
  }

  /// As a copy without a check of epochs would do: what follows its end is written.
  private func takenAllTheSame(
    _ append: CopyAppend, seen: Epoch, _ last: Position
  ) -> CopyAnswer.Outcome {
    var raised = append
    raised.epoch = seen.next
    run.store.append(raised, releasesLease: false, leases: run.leases) { _ in }
    return .appended(last)
  }
}
