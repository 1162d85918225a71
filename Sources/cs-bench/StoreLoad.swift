import CloudstateModel
import Glibc
import Logging
import ShardStore
import Synchronization

/// A closed loop on the committer alone: each of `inFlight` batches is followed by the next as soon as it is
/// durable.
final class StoreLoad: CommitSink {
  private struct State {
    var started: [UInt64: UInt64] = [:]
    var sequences: [Int: SequenceNumber] = [:]
    var latencies: [UInt64] = []
    var errors = 0
    var open = 0
    var nextToken: UInt64 = 0
    var finished: CheckedContinuation<Void, Never>?
  }

  private static let shardCount = 64
  private let store: any ShardStore
  private let service: ServiceName
  private let end: UInt64
  private let state = Mutex(State())

  private init(store: any ShardStore, service: ServiceName, nanoseconds: UInt64) {
    self.store = store
    self.service = service
    self.end = monotonicNanoseconds() + nanoseconds
  }

  static func run(store: any ShardStore, inFlight: Int, seconds: Double) async throws
    -> LatencySummary
  {
    guard let service = ServiceName("bench") else {
      preconditionFailure("the name of the benchmark's service is not legal")
    }
    for index in 0..<shardCount {
      try store.openShard(ShardID(service: service, index: UInt32(index)), epoch: Epoch(1))
    }
    let load = StoreLoad(store: store, service: service, nanoseconds: UInt64(seconds * 1e9))
    await withCheckedContinuation { continuation in
      load.state.withLock { $0.finished = continuation }
      for caller in 0..<inFlight { load.submit(caller: caller) }
    }
    return load.state.withLock { state in
      LatencySummary(
        name: "store: committer alone", inFlight: inFlight, errors: state.errors,
        seconds: seconds, latencies: state.latencies)
    }
  }

  private func submit(caller: Int) {
    let (token, sequence) = state.withLock { state in
      let token = state.nextToken << 16 | UInt64(caller)
      state.nextToken += 1
      state.open += 1
      let sequence = state.sequences[caller, default: .none].next
      state.sequences[caller] = sequence
      state.started[token] = monotonicNanoseconds()
      return (token, sequence)
    }
    let shard = ShardID(service: service, index: UInt32(caller % Self.shardCount))
    let batch = ShardBatch(
      shard: shard, epoch: Epoch(1),
      entity: EntityKey(persistenceID: "bench", entityID: "\(runName)-\(caller)"),
      time: ShardStoreConfiguration.systemTime(), firstSequence: sequence,
      events: [OpaquePayload(typeURL: "type.googleapis.com/Bench", value: Self.payload)])
    store.submit(batch, token: token, to: self)
  }

  private static let payload = [UInt8](repeating: 7, count: 100)
  private let runName = String(monotonicNanoseconds(), radix: 36)

  func completed(_ outcomes: [CommitOutcome]) {
    let now = monotonicNanoseconds()
    var callers: [Int] = []
    let finished = state.withLock { state -> CheckedContinuation<Void, Never>? in
      for outcome in outcomes {
        state.open -= 1
        if case .failure = outcome.result { state.errors += 1 }
        if let start = state.started.removeValue(forKey: outcome.token) {
          state.latencies.append(now - start)
        }
        if now < end, state.errors < 100 { callers.append(Int(outcome.token & 0xffff)) }
      }
      guard callers.isEmpty, state.open == 0 else { return nil }
      return state.finished.take()
    }
    for caller in callers { submit(caller: caller) }
    finished?.resume()
  }
}

/// The monotonic clock.
func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
