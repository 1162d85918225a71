package import CloudstateModel
import CloudstateProtocol
package import EtcdClient
import Glibc
package import Logging
import NIOCore
import Synchronization

/// A coordinator's record in etcd, for one term of a leader.
///
/// Every write is a transaction that demands two things: the key of the leader is still the one of this term (the
/// fence), and the record is the one that was read or written last. So no write of a leader that was replaced, or was
/// stopped in the middle, can ever take effect. An outcome that is not known is found out before anything else
/// happens; while etcd does not answer a write waits, until the term is over.
///
/// Keys and formats: see ``EtcdKeys``. Invariants: `state` and the plan that it names are written in one transaction;
/// a plan's record is written once and never changed.
package final class EtcdCoordinatorStore: CoordinatorStore {
  /// Plans kept for people to look back at; older ones are deleted.
  package static let retainedPlans: UInt64 = 128

  private let client: EtcdClient
  private let keys: EtcdKeys
  private let term: LeadershipTerm
  private let logger: Logger
  private let position = Mutex(Position())

  private struct Position {
    /// The revision at which `state` was last changed; 0 while there is none, `nil` before it was read.
    var revision: Int64?
    /// The newest plan in etcd.
    var storedPlan: UInt64 = 0
    var isClosed = false
  }

  /// - Parameters:
  ///   - client: is not shut down by the store, and is used by nobody else who waits.
  ///   - term: ends the store's waiting when it is over.
  package init(client: EtcdClient, keys: EtcdKeys, term: LeadershipTerm, logger: Logger) {
    self.client = client
    self.keys = keys
    self.term = term
    self.logger = logger
  }

  package func load() throws(ClusterError) -> CoordinatorRecord? {
    let (found, readAt) = try read("the state") { [client, keys] in
      client.read(key: keys.state, timeout: Self.patience)
    }
    guard let state = found.first else {
      position.withLock { $0.revision = 0 }
      return nil
    }
    let stored = try StoredState(sealed: state.value)
    var plan = Plan.empty
    if stored.planNumber > 0 {
      // As it was when the state was read.
      let name = EtcdKeys.planName(stored.planNumber)
      let (plans, _) = try read(name) { [client, keys] in
        client.read(
          key: keys.plan(stored.planNumber), revision: readAt, timeout: Self.patience)
      }
      guard let found = plans.first else {
        throw ClusterError(.corruptRecord, "record \(name) is missing in etcd")
      }
      plan = try StoredPlan.plan(sealed: found.value, number: stored.planNumber)
    }
    let record = try stored.record(plan: plan)
    position.withLock {
      $0.revision = state.modRevision
      $0.storedPlan = stored.planNumber
    }
    return record
  }

  package func save(_ record: CoordinatorRecord) throws(ClusterError) {
    let (revision, storedPlan) = position.withLock { ($0.revision, $0.storedPlan) }
    guard let revision else {
      throw ClusterError(.storeFailed, "the coordinator's store was written before it was read")
    }
    let state = try StoredState.sealed(record)
    var operations = [EtcdOperation.put(key: keys.state, value: state)]
    let number = record.plan.number
    var planBytes = 0
    if number > storedPlan {
      let plan = try StoredPlan.sealed(record.plan)
      planBytes = plan.count
      operations.append(.put(key: keys.plan(number), value: plan))
      if number > Self.retainedPlans {
        operations.append(
          .delete(key: keys.firstPlan, end: keys.plan(number - Self.retainedPlans + 1)))
      }
    }
    do throws(EtcdError) {
      let written = try transact(operations, state: state, revision: revision)
      position.withLock {
        $0.revision = written
        $0.storedPlan = max($0.storedPlan, number)
      }
    } catch {
      throw Self.failure(error, stateBytes: state.count, planBytes: planBytes)
    }
  }

  package func planHistory(limit: Int, before: UInt64?) throws(ClusterError) -> [Plan] {
    guard limit > 0 else { return [] }
    var plans: [Plan] = []
    // One at a time: a hundred large plans are more than one answer holds.
    var end = before.map(keys.plan) ?? keys.afterPlans
    while plans.count < limit {
      let last = end
      let (found, _) = try read("the plans") { [client, keys] in
        client.read(
          key: keys.firstPlan, end: last, limit: 1, descending: true, timeout: Self.patience)
      }
      guard let newest = found.first else { break }
      let digits = String(decoding: newest.key.suffix(20), as: UTF8.self)
      guard let number = UInt64(digits), newest.key == keys.plan(number) else {
        throw ClusterError(.corruptRecord, "etcd holds a plan under a key that is none")
      }
      plans.append(try StoredPlan.plan(sealed: newest.value, number: number))
      end = newest.key
    }
    return plans
  }

  package func close() { position.withLock { $0.isClosed = true } }

  // MARK: Talking with etcd

  /// For one request; waiting goes on in further ones.
  private static let patience = Duration.seconds(1)

  /// Writes, and finds out what came of it. Answers the revision at which `state` has these bytes.
  private func transact(
    _ operations: [EtcdOperation], state: [UInt8], revision: Int64
  ) throws(EtcdError) -> Int64 {
    let result = try insist("a write") { [client, keys, term] in
      client.transact(
        if: [
          .created(key: keys.leader, revision: term.fence),
          .changed(key: keys.state, revision: revision),
        ], then: operations, else: [.read(key: keys.leader), .read(key: keys.state)],
        timeout: Self.patience)
    }
    if result.succeeded { return result.revision }
    let leader = result.reads.first?.first
    let found = result.reads.last?.first
    // An attempt without an answer may have been carried out. Nobody else can have written while the fence is up.
    if leader?.createRevision == term.fence, let found, found.value == state {
      return found.modRevision
    }
    throw EtcdError(
      .denied,
      leader?.createRevision == term.fence
        ? "somebody else has changed the record in etcd" : "the fence of this leader is down")
  }

  private func read(
    _ what: String, _ request: @escaping @Sendable () -> EventLoopFuture<EtcdReadResult>
  ) throws(ClusterError) -> (values: [EtcdKeyValue], revision: Int64) {
    do throws(EtcdError) {
      let result = try insist("reading \(what)", request)
      return (result.values, result.revision)
    } catch {
      throw Self.failure(error)
    }
  }

  /// Makes a request until etcd answers it, the term is over, or the store is closed.
  private func insist<Result: Sendable>(
    _ what: String, _ request: @escaping @Sendable () -> EventLoopFuture<Result>
  ) throws(EtcdError) -> Result {
    var isReported = false
    while true {
      guard !term.isOver, !position.withLock({ $0.isClosed }) else {
        throw EtcdError(.denied, "this coordinator does not lead any more")
      }
      do {
        return try request().wait()
      } catch let error as EtcdError where !Self.mayPass(error) {
        throw error
      } catch {
        if !isReported { logger.warning("etcd holds up \(what): \(error)") }
        isReported = true
        // Not a busy loop, where it refuses at once.
        usleep(100_000)
      }
    }
  }

  private static func mayPass(_ error: EtcdError) -> Bool {
    switch error.kind {
    case .unavailable, .exhausted, .failed: true
    case .notFound, .compacted, .tooLarge, .denied: false
    }
  }

  private static func failure(
    _ error: EtcdError, stateBytes: Int = 0, planBytes: Int = 0
  ) -> ClusterError {
    switch error.kind {
    case .denied: ClusterError(.leadershipLost, error.message)
    // The leader was slow: another one reads again.
    case .compacted: ClusterError(.leadershipLost, error.message)
    case .tooLarge:
      ClusterError(
        .storeFailed,
        "etcd refuses a record of \(stateBytes + planBytes) bytes (\(planBytes) of them the plan): it is more "
          + "than its --max-request-bytes, by default 1.5 MiB; raise that on all members")
    case .unavailable, .notFound, .exhausted, .failed:
      ClusterError(.storeFailed, "etcd cannot be used: \(error.message)")
    }
  }
}
