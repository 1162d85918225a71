import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import Gzip

// What is kept in etcd: compressed, because etcd takes 1.5 MiB at a time and a plan of many shards says much the same
// about each, and sealed, so that what was changed by other hands is found out.

/// Members, services and the number of the plan.
struct StoredState {
  private let message: Cloudstate_Internal_Etcd_State

  init(sealed: [UInt8]) throws(ClusterError) {
    let bytes = try Packing.open(sealed, name: EtcdKeys.stateName)
    message = try Packing.restoring(EtcdKeys.stateName) { () throws(ClusterError) in
      try Cloudstate_Internal_Etcd_State(reading: bytes)
    }
  }

  var planNumber: UInt64 { message.view.plan.number }

  static func sealed(_ record: CoordinatorRecord) throws(ClusterError) -> [UInt8] {
    var message = Cloudstate_Internal_Etcd_State()
    var view = record.view
    view.plan = .empty
    message.view = view.message
    message.view.plan.number = record.plan.number
    message.services = record.services.sorted { $0.key < $1.key }.map { service, shardCount in
      var entry = Cloudstate_Internal_Etcd_Service()
      entry.name = service.text
      entry.shardCount = shardCount
      entry.replicationFactor = record.replicationFactors[service] ?? 0
      return entry
    }
    if let rebalance = record.rebalance { message.rebalance = rebalance.message }
    for (service, scaling) in record.autoscalers.sorted(by: { $0.key < $1.key }) {
      var entry = Cloudstate_Internal_Etcd_Autoscaler()
      entry.service = service.text
      entry.record = Data(try scaling.storedBytes)
      message.autoscalers.append(entry)
    }
    return try Packing.seal(message.storedBytes, name: EtcdKeys.stateName)
  }

  /// The whole record.
  func record(plan: Plan) throws(ClusterError) -> CoordinatorRecord {
    try Packing.restoring(EtcdKeys.stateName) { () throws(ClusterError) in
      var text = message.view
      text.clearPlan()
      let view = try ClusterView(text)
      var services: [ServiceName: UInt32] = [:]
      var factors: [ServiceName: UInt32] = [:]
      for entry in message.services {
        let service = try serviceName(entry.name)
        services[service] = entry.shardCount
        if entry.replicationFactor > 0 { factors[service] = entry.replicationFactor }
      }
      var autoscalers: [ServiceName: ScalingRecord] = [:]
      for entry in message.autoscalers {
        autoscalers[try serviceName(entry.service)] = try ScalingRecord(storedBytes: entry.record)
      }
      return CoordinatorRecord(
        coordinatorID: view.coordinatorID, version: view.version, services: services,
        replicationFactors: factors,
        members: Dictionary(uniqueKeysWithValues: view.members.map { ($0.node, $0) }), plan: plan,
        rebalance: message.hasRebalance ? try Rebalance(message.rebalance) : nil,
        autoscalers: autoscalers)
    }
  }
}

/// One plan.
enum StoredPlan {
  static func sealed(_ plan: Plan) throws(ClusterError) -> [UInt8] {
    try Packing.seal(plan.message.storedBytes, name: EtcdKeys.planName(plan.number))
  }

  static func plan(sealed: [UInt8], number: UInt64) throws(ClusterError) -> Plan {
    let name = EtcdKeys.planName(number)
    let bytes = try Packing.open(sealed, name: name)
    return try Packing.restoring(name) { () throws(ClusterError) in
      try Plan(Cloudstate_Internal_Cluster_Plan(reading: bytes))
    }
  }
}

private enum Packing {
  /// The most that a record may come to: a limit against damage, far above any plan.
  static let maximumBytes = 256 << 20

  static func seal(_ bytes: [UInt8], name: String) throws(ClusterError) -> [UInt8] {
    do throws(GzipError) {
      return SealedRecord.seal(try Gzip.compress(bytes), name: name)
    } catch {
      throw ClusterError(.storeFailed, "record \(name) cannot be compressed: \(error)")
    }
  }

  static func open(_ sealed: [UInt8], name: String) throws(ClusterError) -> [UInt8] {
    let content = try SealedRecord.open(sealed, name: name)
    do throws(GzipError) {
      return try Gzip.decompress(content, maximumBytes: maximumBytes)
    } catch {
      throw ClusterError(.corruptRecord, "record \(name) cannot be expanded: \(error)")
    }
  }

  /// Names the record whose content is malformed in spite of a sound checksum.
  static func restoring<Answer>(
    _ name: String, _ body: () throws(ClusterError) -> Answer
  ) throws(ClusterError) -> Answer {
    do {
      return try body()
    } catch {
      throw ClusterError(.corruptRecord, "record \(name) is malformed: \(error.message)")
    }
  }
}
