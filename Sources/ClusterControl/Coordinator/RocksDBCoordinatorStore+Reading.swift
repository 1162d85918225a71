import CloudstateModel
import CloudstateProtocol
import RocksDB

// Single records of the coordinator's database.

extension RocksDBCoordinatorStore.Connection {
  func read(_ name: String) throws(ClusterError) -> [UInt8]? {
    try read(Array(name.utf8), name: name)
  }

  func read(_ key: [UInt8], name: String) throws(ClusterError) -> [UInt8]? {
    let sealed: [UInt8]?
    do {
      sealed = try database.value(of: key, in: family)?.copy()
    } catch {
      throw readingFailure(error)
    }
    guard let sealed else { return nil }
    return try SealedRecord.open(sealed, name: name)
  }

  /// Whether there is no record at all.
  func isEmpty() throws(ClusterError) -> Bool {
    var iterator = DatabaseIterator(over: family, of: database)
    iterator.seekToFirst()
    let isEmpty = !iterator.isValid
    do throws(RocksDBError) { try iterator.checkFailure() } catch { throw readingFailure(error) }
    return isEmpty
  }

  func plan(_ number: UInt64) throws(ClusterError) -> Plan {
    let name = CoordinatorKey.planName(number)
    guard let bytes = try read(CoordinatorKey.plan(number), name: name) else {
      throw ClusterError(.corruptRecord, "\(name) is missing")
    }
    return try restoring(name) { () throws(ClusterError) in
      try Plan(Cloudstate_Internal_Cluster_Plan(reading: bytes))
    }
  }

  func services() throws(ClusterError) -> [ServiceName: StoredService] {
    try records(under: CoordinatorKey.servicePrefix) { (key, bytes) throws(ClusterError) in
      guard bytes.count == 4 || bytes.count == 8 else { throw malformedRecord(key) }
      return StoredService(
        shardCount: littleEndian(bytes[..<4]),
        replicationFactor: bytes.count == 8 ? max(1, littleEndian(bytes[4...])) : 1)
    }
  }

  func autoscalers() throws(ClusterError) -> [ServiceName: ScalingRecord] {
    try records(under: CoordinatorKey.autoscalerPrefix) { (key, bytes) throws(ClusterError) in
      try restoring(key) { () throws(ClusterError) in try ScalingRecord(storedBytes: bytes) }
    }
  }

  /// The records of services under a prefix, which ends with a slash.
  private func records<Value>(
    under prefix: String, read: (_ key: String, [UInt8]) throws(ClusterError) -> Value
  ) throws(ClusterError) -> [ServiceName: Value] {
    var records: [ServiceName: Value] = [:]
    var iterator = DatabaseIterator(
      over: family, of: database, from: Array(prefix.utf8),
      // The byte after the slash.
      to: Array(prefix.dropLast().utf8) + [UInt8(ascii: "0")])
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.withKey { String(decoding: Array(copying: $0), as: UTF8.self) }
      let sealed = iterator.withValue { Array(copying: $0) }
      let bytes = try SealedRecord.open(sealed, name: key)
      guard let name = ServiceName(String(key.dropFirst(prefix.count))) else {
        throw malformedRecord(key)
      }
      records[name] = try read(key, bytes)
      iterator.next()
    }
    do throws(RocksDBError) { try iterator.checkFailure() } catch { throw readingFailure(error) }
    return records
  }

  private func malformedRecord(_ key: String) -> ClusterError {
    ClusterError(.corruptRecord, "record \(key) is malformed")
  }

  /// The numbers in the last keys of a range, the newest first, at most `limit`.
  func newest(from start: [UInt8], to end: [UInt8], limit: Int) throws(ClusterError) -> [UInt64] {
    var numbers: [UInt64] = []
    var iterator = DatabaseIterator(over: family, of: database, from: start, to: end)
    iterator.seekToLast()
    while iterator.isValid, numbers.count < limit {
      numbers.append(iterator.withKey { CoordinatorKey.number(Array(copying: $0)) })
      iterator.previous()
    }
    do throws(RocksDBError) { try iterator.checkFailure() } catch { throw readingFailure(error) }
    return numbers
  }

  func rebalances(limit: Int, before: UInt64? = nil) throws(ClusterError) -> [Rebalance] {
    var rebalances: [Rebalance] = []
    let end = before.map(CoordinatorKey.rebalance) ?? Array("rebalance0".utf8)
    for id in try newest(from: CoordinatorKey.rebalance(0), to: end, limit: limit) {
      let name = CoordinatorKey.rebalanceName(id)
      guard let bytes = try read(CoordinatorKey.rebalance(id), name: name) else {
        throw ClusterError(.corruptRecord, "\(name) is missing")
      }
      rebalances.append(
        try restoring(name) { () throws(ClusterError) in
          try Rebalance(Cloudstate_Internal_Cluster_Rebalance(reading: bytes))
        })
    }
    return rebalances
  }

  /// Adds a rebalance, and the end of the oldest, to a batch.
  func put(_ rebalance: Rebalance, in batch: inout WriteBatch) {
    let sealed = SealedRecord.seal(
      rebalance.message.storedBytes, name: CoordinatorKey.rebalanceName(rebalance.id))
    batch.put(CoordinatorKey.rebalance(rebalance.id), sealed, in: family)
    let retained = UInt64(RocksDBCoordinatorStore.retainedRebalances)
    if rebalance.id > retained {
      batch.deleteRange(
        from: CoordinatorKey.rebalance(0),
        to: CoordinatorKey.rebalance(rebalance.id - retained + 1), in: family)
    }
  }
}

/// What the store holds of one service.
struct StoredService {
  var shardCount: UInt32
  var replicationFactor: UInt32
}

private func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
  bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
}

/// The keys of the layout.
enum CoordinatorKey {
  static let format = "format"
  static let state = "state"
  static let servicePrefix = "service/"
  static let autoscalerPrefix = "autoscaler/"

  static func service(_ name: ServiceName) -> String { servicePrefix + name.text }

  static func autoscaler(_ name: ServiceName) -> String { autoscalerPrefix + name.text }

  static func plan(_ number: UInt64) -> [UInt8] {
    Array("plan/".utf8) + (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
  }

  static func rebalance(_ id: UInt64) -> [UInt8] {
    Array("rebalance/".utf8) + (0..<8).map { UInt8(truncatingIfNeeded: id >> (56 - 8 * $0)) }
  }

  /// The number at the end of a key.
  static func number(_ key: [UInt8]) -> UInt64 {
    key.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The name under which a plan's record is sealed.
  static func planName(_ number: UInt64) -> String { "plan/\(number)" }

  /// The name under which a rebalance's record is sealed.
  static func rebalanceName(_ id: UInt64) -> String { "rebalance/\(id)" }
}

/// Names the record whose content is malformed in spite of a sound checksum.
func restoring<Answer>(
  _ name: String, _ body: () throws(ClusterError) -> Answer
) throws(ClusterError) -> Answer {
  do {
    return try body()
  } catch {
    throw ClusterError(.corruptRecord, "record \(name) is malformed: \(error.message)")
  }
}

func readingFailure(_ error: RocksDBError) -> ClusterError {
  ClusterError(
    error.kind == .corruption ? .corruptRecord : .storeFailed,
    "the coordinator's store cannot be read: \(error)")
}
