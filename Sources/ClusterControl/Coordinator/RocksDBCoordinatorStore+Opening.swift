import CloudstateModel
import CloudstateProtocol
import Glibc
import RocksDB

// What is found out about a database before it is opened for writing.

extension RocksDBCoordinatorStore {
  /// Reads what is there without changing a file, and refuses what cannot be trusted.
  ///
  /// RocksDB takes a list of files that ends early for what a crash has left, makes an older or an empty database of
  /// it, and writes that down at once. So what a coordinator would load is read once before.
  static func inspect(_ path: String) throws(ClusterError) {
    do throws(ClusterError) {
      guard try isThere(path) else { return }
      guard var connection = try openForReading(path) else { return }
      if try connection.layout(in: path) != nil { _ = try connection.restore() }
    } catch {
      // What another process changes meanwhile may look like damage.
      guard !DatabaseInspection.isOpenElsewhere(path) else { throw inUse(path) }
      throw error.code == .corruptRecord ? damaged(path, error.message) : error
    }
  }

  /// Whether there is a database in the folder `path`.
  package static func isThere(_ path: String) throws(ClusterError) -> Bool {
    do throws(RocksDBError) {
      return try DatabaseInspection.inspect(path)
    } catch {
      throw inspectionFailure(error, path: path)
    }
  }

  /// `nil` for a database that nothing was written to.
  private static func openForReading(_ path: String) throws(ClusterError) -> Connection? {
    do throws(RocksDBError) {
      return try Connection(path: path, isReadOnly: true)
    } catch {
      do throws(RocksDBError) {
        // The column family is made right after the database, and holds all records.
        if error.kind == .invalidArgument, try !DatabaseInspection.hasRecords(path) { return nil }
      } catch {
        throw inspectionFailure(error, path: path)
      }
      guard !error.message.contains("not opened") else {
        throw ClusterError(
          .cannotOpenStore,
          "the database in \(path) is not a coordinator's, or newer software has made it (\(error))"
        )
      }
      guard error.kind != .invalidArgument else {
        throw ClusterError(
          .corruptRecord, "it has records and no place for them is known (\(error))")
      }
      throw inspectionFailure(error, path: path)
    }
  }

  /// Not yet in the words for operators: the folder is still to be named.
  private static func inspectionFailure(_ error: RocksDBError, path: String) -> ClusterError {
    error.kind == .corruption
      ? ClusterError(.corruptRecord, "\(error)") : openingFailure(error, path: path)
  }
}

extension RocksDBCoordinatorStore.Connection {
  /// Opens the database, and makes it where there is none, unless it is opened to be read.
  init(path: String, isReadOnly: Bool = false) throws(RocksDBError) {
    var options = DatabaseOptions()
    options.totalWriteBufferBytes = 2 << 20
    options.maximumLogBytes = 4 << 20
    options.blockCacheBytes = 1 << 20
    options.maximumOpenFiles = 64
    options.backgroundJobs = 1
    let name = "coordinator"
    let database = try Database.open(
      path: path, options: options,
      families: [ColumnFamilyOptions(name: name, writeBufferBytes: 1 << 20)],
      isReadOnly: isReadOnly)
    guard let family = database.family(name) else {
      throw RocksDBError(.other, "it opened without its column family \(name)")
    }
    self.init(database: database, family: family)
  }

  /// The version of the layout; `nil` for a database without records.
  ///
  /// - Throws: ``ClusterError``; `.unknownFormatVersion` if newer software has made it.
  func layout(in path: String) throws(ClusterError) -> UInt8? {
    guard let version = try read(CoordinatorKey.format)?.first else {
      guard try isEmpty() else {
        throw ClusterError(.corruptRecord, "it has records but no layout version")
      }
      return nil
    }
    let known = RocksDBCoordinatorStore.layoutVersion
    guard version <= known else {
      throw ClusterError(
        .unknownFormatVersion,
        "\(path) has layout \(version), this software knows up to \(known); use the software that wrote it"
      )
    }
    return version
  }

  /// The record, with all that belongs to it; `nil` if none was saved yet.
  mutating func restore() throws(ClusterError) -> CoordinatorRecord? {
    guard let bytes = try read(CoordinatorKey.state) else { return nil }
    var view = try restoring("state") { () throws(ClusterError) in
      try ClusterView(Cloudstate_Internal_Cluster_ClusterView(reading: bytes))
    }
    view.plan = view.plan.number > 0 ? try plan(view.plan.number) : .empty
    storedPlan = view.plan.number
    storedRebalance = try rebalances(limit: 1).first
    let services = try services()
    storedServices = Set(services.keys)
    let record = CoordinatorRecord(
      coordinatorID: view.coordinatorID, version: view.version,
      services: services.mapValues(\.shardCount),
      replicationFactors: services.mapValues(\.replicationFactor).filter { $0.value > 1 },
      members: Dictionary(uniqueKeysWithValues: view.members.map { ($0.node, $0) }),
      plan: view.plan, rebalance: storedRebalance, autoscalers: try autoscalers())
    try record.checkConsistency()
    return record
  }
}

extension CoordinatorRecord {
  /// What the machine relies on and single records cannot show.
  fileprivate func checkConsistency() throws(ClusterError) {
    for assignment in plan.shards {
      guard let count = services[assignment.shard.service], assignment.shard.index < count else {
        throw ClusterError(
          .corruptRecord,
          "plan \(plan.number) assigns shard \(assignment.shard), which no service has")
      }
    }
    for member in members.values where services[member.service] == nil {
      throw ClusterError(
        .corruptRecord, "member \(member.node) is of service \(member.service), which is unknown")
    }
  }
}

func openingFailure(_ error: RocksDBError, path: String) -> ClusterError {
  switch error.kind {
  case .lockHeld: inUse(path)
  case .corruption: damaged(path, "\(error)")
  case .inputOutput, .invalidArgument, .unfinished, .other:
    ClusterError(.cannotOpenStore, "the database in \(path) cannot be opened: \(error)")
  }
}

private func inUse(_ path: String) -> ClusterError {
  ClusterError(
    .storeInUse,
    "another process has the folder \(path) open; stop it, or give this coordinator another folder")
}

func damaged(_ path: String, _ what: String) -> ClusterError {
  ClusterError(
    .corruptRecord,
    "the coordinator's database in \(path) is damaged: \(what). Nodes go on with the plan they have. Keep this folder, "
      + "and put in its place a copy that is as new as their plan: nodes that follow a newer plan do not follow a "
      + "coordinator with an older or an empty one")
}

/// Creates a folder and its parents; existing ones are fine.
func createFolder(_ path: String) throws(ClusterError) {
  var partial = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    partial += part + "/"
    if mkdir(partial, 0o755) != 0, errno != EEXIST {
      throw ClusterError(
        .cannotOpenStore, "the folder \(partial) cannot be created (error \(errno))")
    }
  }
}
