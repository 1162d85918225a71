package import CloudstateModel
import CloudstateProtocol
import Glibc
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

  private static let layoutVersion: UInt8 = 2

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

  /// Opens the database in the folder `path`, creating it and its parents as needed.
  ///
  /// - Throws: ``ClusterError`` with `.storeInUse`, `.cannotOpenStore`, `.corruptRecord` or
  ///   `.unknownFormatVersion`.
  package init(path: String) throws(ClusterError) {
    self.path = path
    try createFolder(path)
    var options = DatabaseOptions()
    options.totalWriteBufferBytes = 2 << 20
    options.maximumLogBytes = 4 << 20
    options.blockCacheBytes = 1 << 20
    options.maximumOpenFiles = 64
    options.backgroundJobs = 1
    let name = "coordinator"
    let database: Database
    do {
      database = try Database.open(
        path: path, options: options,
        families: [ColumnFamilyOptions(name: name, writeBufferBytes: 1 << 20)])
    } catch {
      throw openingFailure(error, path: path)
    }
    guard let family = database.family(name) else {
      throw ClusterError(.cannotOpenStore, "\(path) has no column family \(name)")
    }
    connection = Mutex(Connection(database: database, family: family))
    try checkLayout()
  }

  package func load() throws(ClusterError) -> CoordinatorRecord? {
    do throws(ClusterError) {
      return try restore()
    } catch {
      guard error.code == .corruptRecord else { throw error }
      throw damaged(path, error.message)
    }
  }

  private func restore() throws(ClusterError) -> CoordinatorRecord? {
    try withConnection { connection throws(ClusterError) in
      guard let bytes = try connection.read(CoordinatorKey.state) else { return nil }
      var view = try restoring("state") { () throws(ClusterError) in
        try ClusterView(Cloudstate_Internal_Cluster_ClusterView(reading: bytes))
      }
      if view.plan.number > 0 {
        view.plan = try connection.plan(view.plan.number)
      } else {
        view.plan = .empty
      }
      connection.storedPlan = view.plan.number
      connection.storedRebalance = try connection.rebalances(limit: 1).first
      let services = try connection.services()
      connection.storedServices = Set(services.keys)
      let record = CoordinatorRecord(
        coordinatorID: view.coordinatorID, version: view.version,
        services: services.mapValues(\.shardCount),
        replicationFactors: services.mapValues(\.replicationFactor).filter { $0.value > 1 },
        members: Dictionary(uniqueKeysWithValues: view.members.map { ($0.node, $0) }),
        plan: view.plan, rebalance: connection.storedRebalance,
        autoscalers: try connection.autoscalers())
      try checkConsistency(record)
      return record
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

  package func planHistory(limit: Int) throws(ClusterError) -> [Plan] {
    try withConnection { connection throws(ClusterError) in
      let numbers = try connection.newest(
        from: CoordinatorKey.plan(0), to: Array("plan0".utf8), limit: limit)
      var plans: [Plan] = []
      for number in numbers { plans.append(try connection.plan(number)) }
      return plans
    }
  }

  package func rebalanceHistory(limit: Int) throws(ClusterError) -> [Rebalance] {
    try withConnection { connection throws(ClusterError) in
      try connection.rebalances(limit: limit)
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

  /// Marks a new or older database with the layout, and refuses one that newer software has made.
  private func checkLayout() throws(ClusterError) {
    let path = self.path
    try withConnection { connection throws(ClusterError) in
      if let version = try connection.read(CoordinatorKey.format)?.first {
        guard version <= Self.layoutVersion else {
          throw ClusterError(
            .unknownFormatVersion,
            "\(path) has layout \(version), this software knows up to \(Self.layoutVersion); use "
              + "the software that wrote it")
        }
        if version == Self.layoutVersion { return }
      } else if try connection.read(CoordinatorKey.state) != nil {
        throw damaged(path, "it has a state but no layout version")
      }
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

  /// What the machine relies on and single records cannot show.
  private func checkConsistency(_ record: CoordinatorRecord) throws(ClusterError) {
    for assignment in record.plan.shards {
      guard let count = record.services[assignment.shard.service], assignment.shard.index < count
      else {
        throw ClusterError(
          .corruptRecord,
          "plan \(record.plan.number) assigns shard \(assignment.shard), which no service has")
      }
    }
    for member in record.members.values where record.services[member.service] == nil {
      throw ClusterError(
        .corruptRecord, "member \(member.node) is of service \(member.service), which is unknown")
    }
  }
}

private func openingFailure(_ error: RocksDBError, path: String) -> ClusterError {
  switch error.kind {
  case .lockHeld:
    ClusterError(
      .storeInUse,
      "another process has the folder \(path) open; stop it, or give this coordinator another "
        + "folder")
  case .corruption:
    damaged(path, "\(error)")
  case .inputOutput, .invalidArgument, .other:
    ClusterError(.cannotOpenStore, "the database in \(path) cannot be opened: \(error)")
  }
}

private func damaged(_ path: String, _ what: String) -> ClusterError {
  ClusterError(
    .corruptRecord,
    "the coordinator's database in \(path) is damaged: \(what). Nodes go on with the plan they have. Keep this folder, "
      + "and put in its place a copy that is as new as their plan: nodes that follow a newer plan do not follow a "
      + "coordinator with an older or an empty one")
}

/// Creates a folder and its parents; existing ones are fine.
private func createFolder(_ path: String) throws(ClusterError) {
  var partial = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    partial += part + "/"
    if mkdir(partial, 0o755) != 0, errno != EEXIST {
      throw ClusterError(
        .cannotOpenStore, "the folder \(partial) cannot be created (error \(errno))")
    }
  }
}
