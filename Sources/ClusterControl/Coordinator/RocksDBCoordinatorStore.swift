package import CloudstateModel
import CloudstateProtocol
import Glibc
import RocksDB
import Synchronization

/// The coordinator's own small RocksDB database.
///
/// Format 1, all keys in the column family `coordinator`, each value a ``SealedRecord``:
/// * `format`: one byte, the version of this layout. Written first; a newer one is refused.
/// * `state`: a `ClusterView` with all members whose plan holds only its number.
/// * `service/<name>`: the service's shard count, four bytes, little-endian.
/// * `plan/<number>`, the number in eight bytes, big-endian: each plan that was in force, the
///   newest ``retainedPlans`` of them.
///
/// Invariants: `state`, its plan and its services are written in one synced batch, so the plan that
/// `state` names is always there; a plan's record is written once and never changed.
package final class RocksDBCoordinatorStore: CoordinatorStore {
  /// Plans kept for people to look back at; older ones are deleted.
  package static let retainedPlans = 1000

  private static let layoutVersion: UInt8 = 1

  private let path: String
  private let connection: Mutex<Connection?>

  fileprivate struct Connection: Sendable {
    let database: Database
    let family: ColumnFamily
    /// The newest plan the database holds.
    var storedPlan: UInt64 = 0
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
    try withConnection { connection throws(ClusterError) in
      guard let bytes = try connection.read(Key.state) else { return nil }
      var view = try restoring("state") { () throws(ClusterError) in
        try ClusterView(Cloudstate_Internal_Cluster_ClusterView(reading: bytes))
      }
      if view.plan.number > 0 {
        view.plan = try connection.plan(view.plan.number)
      } else {
        view.plan = .empty
      }
      connection.storedPlan = view.plan.number
      let record = CoordinatorRecord(
        coordinatorID: view.coordinatorID, version: view.version,
        services: try connection.services(),
        members: Dictionary(uniqueKeysWithValues: view.members.map { ($0.node, $0) }),
        plan: view.plan)
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
        Array(Key.state.utf8), SealedRecord.seal(state.storedBytes, name: Key.state), in: family)
      for (service, shardCount) in record.services {
        let key = Key.service(service)
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: shardCount >> (8 * $0)) }
        batch.put(Array(key.utf8), SealedRecord.seal(bytes, name: key), in: family)
      }
      let number = record.plan.number
      if number > connection.storedPlan {
        let sealed = SealedRecord.seal(
          record.plan.message.storedBytes, name: Key.planName(number))
        batch.put(Key.plan(number), sealed, in: family)
        if number > UInt64(Self.retainedPlans) {
          let oldest = number - UInt64(Self.retainedPlans) + 1
          batch.deleteRange(from: Key.plan(0), to: Key.plan(oldest), in: family)
        }
      }
      do {
        try connection.database.write(batch, sync: true)
      } catch {
        throw ClusterError(.storeFailed, "the coordinator's store cannot be written: \(error)")
      }
      connection.storedPlan = max(connection.storedPlan, number)
    }
  }

  package func planHistory(limit: Int) throws(ClusterError) -> [Plan] {
    try withConnection { connection throws(ClusterError) in
      var numbers: [UInt64] = []
      var iterator = DatabaseIterator(
        over: connection.family, of: connection.database, from: Key.plan(0),
        to: Array("plan0".utf8))
      iterator.seekToLast()
      while iterator.isValid, numbers.count < limit {
        numbers.append(iterator.withKey { Key.planNumber(Array(copying: $0)) })
        iterator.previous()
      }
      do throws(RocksDBError) { try iterator.checkFailure() } catch { throw readingFailure(error) }
      var plans: [Plan] = []
      for number in numbers { plans.append(try connection.plan(number)) }
      return plans
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

  /// Marks a new database with the layout, and refuses one that another software has made.
  private func checkLayout() throws(ClusterError) {
    let path = self.path
    try withConnection { connection throws(ClusterError) in
      if let version = try connection.read(Key.format)?.first {
        guard version <= Self.layoutVersion else {
          throw ClusterError(
            .unknownFormatVersion,
            "\(path) has layout \(version), this software knows up to \(Self.layoutVersion); use "
              + "the software that wrote it")
        }
        return
      }
      guard try connection.read(Key.state) == nil else {
        throw ClusterError(.corruptRecord, "\(path) has a state but no layout version")
      }
      var batch = WriteBatch(for: connection.database)
      batch.put(
        Array(Key.format.utf8), SealedRecord.seal([Self.layoutVersion], name: Key.format),
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

extension RocksDBCoordinatorStore.Connection {
  fileprivate func read(_ name: String) throws(ClusterError) -> [UInt8]? {
    try read(Array(name.utf8), name: name)
  }

  fileprivate func read(_ key: [UInt8], name: String) throws(ClusterError) -> [UInt8]? {
    let sealed: [UInt8]?
    do {
      sealed = try database.value(of: key, in: family)?.copy()
    } catch {
      throw readingFailure(error)
    }
    guard let sealed else { return nil }
    return try SealedRecord.open(sealed, name: name)
  }

  fileprivate func plan(_ number: UInt64) throws(ClusterError) -> Plan {
    let name = Key.planName(number)
    guard let bytes = try read(Key.plan(number), name: name) else {
      throw ClusterError(.corruptRecord, "\(name) is missing")
    }
    return try restoring(name) { () throws(ClusterError) in
      try Plan(Cloudstate_Internal_Cluster_Plan(reading: bytes))
    }
  }

  fileprivate func services() throws(ClusterError) -> [ServiceName: UInt32] {
    var services: [ServiceName: UInt32] = [:]
    var iterator = DatabaseIterator(
      over: family, of: database, from: Array(Key.servicePrefix.utf8), to: Array("service0".utf8))
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.withKey { String(decoding: Array(copying: $0), as: UTF8.self) }
      let sealed = iterator.withValue { Array(copying: $0) }
      let bytes = try SealedRecord.open(sealed, name: key)
      guard bytes.count == 4, let name = ServiceName(String(key.dropFirst(Key.servicePrefix.count)))
      else { throw ClusterError(.corruptRecord, "record \(key) is malformed") }
      services[name] = (0..<4).reduce(0) { $0 | UInt32(bytes[$1]) << (8 * UInt32($1)) }
      iterator.next()
    }
    do throws(RocksDBError) { try iterator.checkFailure() } catch { throw readingFailure(error) }
    return services
  }
}

/// The keys of the layout.
private enum Key {
  static let format = "format"
  static let state = "state"
  static let servicePrefix = "service/"

  static func service(_ name: ServiceName) -> String { servicePrefix + name.text }

  static func plan(_ number: UInt64) -> [UInt8] {
    Array("plan/".utf8) + (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
  }

  static func planNumber(_ key: [UInt8]) -> UInt64 {
    key.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The name under which a plan's record is sealed.
  static func planName(_ number: UInt64) -> String { "plan/\(number)" }
}

/// Names the record whose content is malformed in spite of a sound checksum.
private func restoring<Answer>(
  _ name: String, _ body: () throws(ClusterError) -> Answer
) throws(ClusterError) -> Answer {
  do {
    return try body()
  } catch {
    throw ClusterError(.corruptRecord, "record \(name) is malformed: \(error.message)")
  }
}

private func readingFailure(_ error: RocksDBError) -> ClusterError {
  ClusterError(
    error.kind == .corruption ? .corruptRecord : .storeFailed,
    "the coordinator's store cannot be read: \(error)")
}

private func openingFailure(_ error: RocksDBError, path: String) -> ClusterError {
  switch error.kind {
  case .lockHeld:
    ClusterError(
      .storeInUse,
      "another process has the folder \(path) open; stop it, or give this coordinator another "
        + "folder")
  case .corruption:
    ClusterError(.corruptRecord, "the database in \(path) is damaged: \(error)")
  case .inputOutput, .invalidArgument, .other:
    ClusterError(.cannotOpenStore, "the database in \(path) cannot be opened: \(error)")
  }
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
