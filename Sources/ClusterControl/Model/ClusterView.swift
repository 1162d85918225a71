package import CloudstateModel

/// Members and plan as one versioned document (design section 7).
///
/// Views of one coordinator identity are totally ordered by ``version``; views of different
/// identities come from different stores and cannot be compared.
package struct ClusterView: Hashable, Sendable {
  /// Rises with each change of members or plan.
  package var version: UInt64
  /// The identity of the coordinator's store.
  package var coordinatorID: String
  /// In the order of their names, each name once.
  package var members: [ClusterMember]
  package var plan: Plan

  package init(version: UInt64, coordinatorID: String, members: [ClusterMember], plan: Plan) {
    self.version = version
    self.coordinatorID = coordinatorID
    self.members = members
    self.plan = plan
  }
}
