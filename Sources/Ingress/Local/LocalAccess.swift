import CloudstateModel
import GRPCTransport
import Synchronization

/// The way into a node from inside its process, before it serves, while it does and afterwards. Any thread.
///
/// Calls that come before the node serves wait for it; once it stops they fail at once, until it is started
/// again.
package final class LocalAccess: Sendable {
  package typealias Outcome = Result<LocalCalls, CallFailure>
  private typealias Waiter = CheckedContinuation<Outcome, Never>

  /// Calls that may wait for a node that does not serve yet. The next is refused as `overloaded`.
  private static let maximumWaiting = LocalCalls.maximumOpen

  private enum Phase {
    /// There was no node yet.
    case early
    /// It starts; with its calls once they are there.
    case starting(LocalCalls?)
    case serving(LocalCalls)
    case stopped
  }

  private struct State {
    var phase = Phase.early
    var isTaken = false
    var waiters: [UInt64: Waiter] = [:]
    var nextWaiter: UInt64 = 0

    /// What a call meets now; `nil` if it waits.
    var outcome: Outcome? {
      switch phase {
      case .early, .starting: nil
      case .serving(let calls): .success(calls)
      case .stopped: .failure(LocalCalls.stopping)
      }
    }

    mutating func takeWaiters() -> [Waiter] {
      defer { waiters = [:] }
      return Array(waiters.values)
    }
  }

  private let state = Mutex(State())

  package init() {}

  // MARK: From the node

  /// A node starts. `false` if another one has not ended yet.
  package func begin() -> Bool {
    state.withLock { state in
      guard !state.isTaken else { return false }
      state.isTaken = true
      state.phase = .starting(nil)
      return true
    }
  }

  /// The node could serve calls, but is not ready.
  package func prepare(_ calls: LocalCalls) {
    state.withLock { state in
      if case .starting = state.phase { state.phase = .starting(calls) }
    }
  }

  /// The node is ready.
  package func open() {
    let (calls, waiters) = state.withLock { state -> (LocalCalls?, [Waiter]) in
      guard case .starting(let calls?) = state.phase else { return (nil, []) }
      state.phase = .serving(calls)
      return (calls, state.takeWaiters())
    }
    guard let calls else { return }
    for waiter in waiters { waiter.resume(returning: .success(calls)) }
  }

  /// The node takes nothing new.
  package func stop() {
    let waiters = state.withLock { state -> [Waiter] in
      state.phase = .stopped
      return state.takeWaiters()
    }
    for waiter in waiters { waiter.resume(returning: .failure(LocalCalls.stopping)) }
  }

  /// The node has ended, and another may begin.
  package func end() {
    stop()
    state.withLock { $0.isTaken = false }
  }

  // MARK: From callers

  /// The calls of the node, as soon as it serves.
  ///
  /// - Parameter timeout: how long to wait for that; `nil` for as long as it takes.
  package func calls(within timeout: Duration?) async -> Outcome {
    if let outcome = state.withLock({ $0.outcome }) { return outcome }
    guard let timeout else { return await wait() }
    return await withTaskGroup(of: Outcome?.self) { group in
      group.addTask { await self.wait() }
      group.addTask {
        do { try await Task.sleep(for: timeout) } catch { return nil }
        return .failure(Self.notReady)
      }
      defer { group.cancelAll() }
      for await outcome in group {
        if let outcome { return outcome }
      }
      return .failure(LocalCalls.cancelled)
    }
  }

  private func wait() async -> Outcome {
    let number = state.withLock { state in
      defer { state.nextWaiter += 1 }
      return state.nextWaiter
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let outcome = state.withLock { state -> Outcome? in
          if let outcome = state.outcome { return outcome }
          // Seen here or by the handler, which runs behind this lock: never by neither.
          if Task.isCancelled { return .failure(LocalCalls.cancelled) }
          guard state.waiters.count < Self.maximumWaiting else {
            return .failure(LocalCalls.tooMany)
          }
          state.waiters[number] = continuation
          return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: number) }?
        .resume(returning: .failure(LocalCalls.cancelled))
    }
  }

  private static let notReady = CallFailure(
    CommandError(.timeout, "the deadline of the call has passed before the node was ready"))
}
