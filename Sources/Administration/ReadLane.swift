import GRPCTransport
import NIOPosix
import Synchronization

/// Runs the service's reads one after the other on a pool of threads that others need, too: however many ask,
/// they take one thread of it. Any thread.
final class ReadLane: Sendable {
  /// Reads that may wait; more are refused.
  static let maximumWaiting = 256

  private struct State {
    var waiting: [@Sendable (Bool) -> Void] = []
    var isRunning = false
    var isClosed = false
  }

  private let pool: NIOThreadPool
  private let state = Mutex(State())

  init(pool: NIOThreadPool) { self.pool = pool }

  /// Refuses what waits and what comes.
  func close() {
    let waiting = state.withLock { state in
      state.isClosed = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for work in waiting { work(false) }
  }

  /// Runs a blocking read on a thread of the pool and calls `completion` there, exactly once; a refused read
  /// completes at once on the calling thread.
  func run<Answer: Sendable>(
    _ read: @escaping @Sendable () -> Result<Answer, DataRefusal>,
    completion: @escaping @Sendable (Result<Answer, DataRefusal>) -> Void
  ) {
    let work: @Sendable (Bool) -> Void = { isActive in
      completion(
        isActive
          ? read() : .failure(DataRefusal(.unavailable, "the node is stopping; ask another one")))
    }
    let refusal: DataRefusal? = state.withLock { state in
      if state.isClosed {
        return DataRefusal(.unavailable, "the node is stopping; ask another one")
      }
      guard state.waiting.count < Self.maximumWaiting else {
        return DataRefusal(.resourceExhausted, "too many reads wait at the node; try again later")
      }
      state.waiting.append(work)
      return nil
    }
    if let refusal { return completion(.failure(refusal)) }
    startNext()
  }

  private func startNext() {
    let next: (@Sendable (Bool) -> Void)? = state.withLock { state in
      guard !state.isRunning, !state.waiting.isEmpty else { return nil }
      state.isRunning = true
      return state.waiting.removeFirst()
    }
    guard let next else { return }
    pool.submit { [self] poolState in
      next(poolState == .active)
      state.withLock { $0.isRunning = false }
      startNext()
    }
  }
}
