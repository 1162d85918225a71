package import CloudstateModel

/// All that a coordinator must not forget. It is written as a whole before any of it is published.
package struct CoordinatorRecord: Hashable, Sendable {
  /// The identity of this store, drawn at random when it was made.
  package var coordinatorID: String
  /// Rises by one with each change of what follows.
  package var version: UInt64
  /// The shard count of each service.
  package var services: [ServiceName: UInt32]
  /// Copies of each shard that a service wants, the primary's included; 1 where none is named.
  package var replicationFactors: [ServiceName: UInt32]
  package var members: [NodeID: ClusterMember]
  package var plan: Plan
  /// The newest rebalance, whatever became of it.
  package var rebalance: Rebalance?
  /// Where the autoscalers stand; none of a service that was never scaled.
  package var autoscalers: [ServiceName: ScalingRecord]

  package init(
    coordinatorID: String, version: UInt64 = 0, services: [ServiceName: UInt32] = [:],
    replicationFactors: [ServiceName: UInt32] = [:], members: [NodeID: ClusterMember] = [:],
    plan: Plan = .empty, rebalance: Rebalance? = nil,
    autoscalers: [ServiceName: ScalingRecord] = [:]
  ) {
    self.coordinatorID = coordinatorID
    self.version = version
    self.services = services
    self.replicationFactors = replicationFactors
    self.members = members
    self.plan = plan
    self.rebalance = rebalance
    self.autoscalers = autoscalers
  }

  /// Copies of each shard that the service wants, the primary's included; at least 1.
  package func replicationFactor(of service: ServiceName) -> Int {
    Int(max(1, replicationFactors[service] ?? 1))
  }

  /// The record as nodes see it.
  package var view: ClusterView {
    ClusterView(
      version: version, coordinatorID: coordinatorID,
      members: members.values.sorted { $0.node < $1.node }, plan: plan)
  }
}
