package import CloudstateModel

/// All that a coordinator must not forget. It is written as a whole before any of it is published.
package struct CoordinatorRecord: Hashable, Sendable {
  /// The identity of this store, drawn at random when it was made.
  package var coordinatorID: String
  /// Rises by one with each change of what follows.
  package var version: UInt64
  /// The shard count of each service.
  package var services: [ServiceName: UInt32]
  package var members: [NodeID: ClusterMember]
  package var plan: Plan

  package init(
    coordinatorID: String, version: UInt64 = 0, services: [ServiceName: UInt32] = [:],
    members: [NodeID: ClusterMember] = [:], plan: Plan = .empty
  ) {
    self.coordinatorID = coordinatorID
    self.version = version
    self.services = services
    self.members = members
    self.plan = plan
  }

  /// The record as nodes see it.
  package var view: ClusterView {
    ClusterView(
      version: version, coordinatorID: coordinatorID,
      members: members.values.sorted { $0.node < $1.node }, plan: plan)
  }
}
