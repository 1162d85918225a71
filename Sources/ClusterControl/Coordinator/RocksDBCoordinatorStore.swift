package import CloudstateModel
import CloudstateProtocol
import RocksDB
import Synchronization

/// The coordinator's own small RocksDB database.
///
/// Format 2, all keys in the column family `coordinator`, each value a ``SealedRecord``:
/// * `format`: one byte, the version of this layout. Written first; a newer one is refused, an older one is
///   raised when the database is opened.
/// * `state`: a `ClusterView` with all members whose plan holds only its number.
/// * `service/<name>`: the service's shard count and replication factor, four bytes each, little-endian; the
///   second is missing in records of format 1 and then 1.
/// * `rebalance/<id>`, the id in eight bytes, big-endian: the newest ``retainedRebalances`` rebalances as they
///   were last. Format 1 had none.
/// * `autoscaler/<service>`: a ``ScalingRecord`` as JSON. Software that knows none leaves them alone.
/// * `plan/<number>`, the number in eight bytes, big-endian: each plan that was in force, the
///   newest ``retainedPlans`` of them.
///
/// Invariants: `state`, its plan, its services and the newest rebalance are written in one synced batch, so the plan that
/// `state` names is always there; a plan's record is written once and never changed.
package final class RocksDBCoordinatorStore: CoordinatorStore {
  /// Plans kept for people to look back at; older ones are deleted.
  package static let retainedPlans = 1000

  /// Rebalances kept for people to look back at; older ones are deleted.
  package static let retainedRebalances = 200

  static let layoutVersion: UInt8 = 2

  private let path: String
  private let connection: Mutex<Connection?>

  struct Connection: Sendable {
    let database: Database
    let family: ColumnFamily
    /// The newest plan and the newest rebalance the database holds.
    var storedPlan: UInt64 = 0
    var storedRebalance: Rebalance?
    /// Services that have records.
    var storedServices: Set<ServiceName> = []
  }

  /// Opens the database in the folder `path`, creating it and its parents as needed. One that is damaged is refused
  /// before a file of it is changed.
  ///
  /// - Throws: ``ClusterError`` with `.storeInUse`, `.cannotOpenStore`, `.corruptRecord` or
  ///   `.unknownFormatVersion`.
  package init(path: String) throws(ClusterError) {
    self.path = path
    try createFolder(path)
    try Self.inspect(path)
    do {
      connection = Mutex(try Connection(path: path))
    } catch {
      throw openingFailure(error, path: path)
    }
    do throws(ClusterError) {
      try checkLayout()
    } catch {
      throw error.code == .corruptRecord ? damaged(path, error.message) : error
    }
  }

  package func load() throws(ClusterError) -> CoordinatorRecord? {
    do throws(ClusterError) {
      return try withConnection { connection throws(ClusterError) in try connection.restore() }
    } catch {
      guard error.code == .corruptRecord else { throw error }
      throw damaged(path, error.message)
    }
  }

  package func save(_ record: CoordinatorRecord) throws(ClusterError) {
    try withConnection { connection throws(ClusterError) in
      let family = connection.family
      var batch = WriteBatch(for: connection.database)
      var state = record.view.message
      state.plan = Cloudstate_Internal_Cluster_Plan()
      state.plan.number = record.plan.number
      batch.put(
        Array(CoordinatorKey.state.utf8),
        SealedRecord.seal(state.storedBytes, name: CoordinatorKey.state), in: family)
      // The record may have forgotten a service.
      for service in connection.storedServices where record.services[service] == nil {
        batch.delete(Array(CoordinatorKey.service(service).utf8), in: family)
      }
      for (service, shardCount) in record.services {
        let key = CoordinatorKey.service(service)
        let numbers = [shardCount, record.replicationFactors[service] ?? 1]
        let bytes = numbers.flatMap { number in
          (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        batch.put(Array(key.utf8), SealedRecord.seal(bytes, name: key), in: family)
      }
      if let rebalance = record.rebalance, rebalance != connection.storedRebalance {
        connection.put(rebalance, in: &batch)
      }
      for (service, scaling) in record.autoscalers {
        let key = CoordinatorKey.autoscaler(service)
        batch.put(
          Array(key.utf8), SealedRecord.seal(try scaling.storedBytes, name: key), in: family)
      }
      let number = record.plan.number
      if number > connection.storedPlan {
        let sealed = SealedRecord.seal(
          record.plan.message.storedBytes, name: CoordinatorKey.planName(number))
        batch.put(CoordinatorKey.plan(number), sealed, in: family)
        if number > UInt64(Self.retainedPlans) {
          let oldest = number - UInt64(Self.retainedPlans) + 1
          batch.deleteRange(
            from: CoordinatorKey.plan(0), to: CoordinatorKey.plan(oldest), in: family)
        }
      }
      do {
        try connection.database.write(batch, sync: true)
      } catch {
        throw ClusterError(.storeFailed, "the coordinator's store cannot be written: \(error)")
      }
      connection.storedPlan = max(connection.storedPlan, number)
      connection.storedRebalance = record.rebalance
      connection.storedServices = Set(record.services.keys)
    }
  }

  package func planHistory(limit: Int, before: UInt64?) throws(ClusterError) -> [Plan] {
    try withConnection { connection throws(ClusterError) in
      let end = before.map(CoordinatorKey.plan) ?? Array("plan0".utf8)
      let numbers = try connection.newest(from: CoordinatorKey.plan(0), to: end, limit: limit)
      var plans: [Plan] = []
      for number in numbers { plans.append(try connection.plan(number)) }
      return plans
    }
  }

  package func rebalanceHistory(
    limit: Int, before: UInt64?
  ) throws(ClusterError) -> [Rebalance] {
    try withConnection { connection throws(ClusterError) in
      try connection.rebalances(limit: limit, before: before)
    }
  }

  package func close() { connection.withLock { $0 = nil } }

  private func withConnection<Answer: Sendable>(
    _ body: (inout Connection) throws(ClusterError) -> Answer
  ) throws(ClusterError) -> Answer {
    try connection.withLock { connection throws(ClusterError) -> Answer in
      guard var open = connection else {
        throw ClusterError(.stopped, "the coordinator's store is closed")
      }
      let answer = try body(&open)
      connection = open
      return answer
    }
  }

  /// Marks a new or older database with the layout.
  private func checkLayout() throws(ClusterError) {
    try withConnection { connection throws(ClusterError) in
      guard try connection.layout(in: path) != Self.layoutVersion else { return }
      var batch = WriteBatch(for: connection.database)
      batch.put(
        Array(CoordinatorKey.format.utf8),
        SealedRecord.seal([Self.layoutVersion], name: CoordinatorKey.format),
        in: connection.family)
      do {
        try connection.database.write(batch, sync: true)
      } catch {
        throw ClusterError(.cannotOpenStore, "\(path) cannot be written: \(error)")
      }
    }
  }
}
