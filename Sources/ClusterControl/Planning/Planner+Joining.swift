import CloudstateModel

extension Planner {
  /// What would be moved if one more node joined, of capacity 1 and in the zone with the fewest nodes: what a
  /// scale-up costs.
  ///
  /// - Returns: the bytes of all changes that the new node would cause, without those that are due anyway.
  package static func bytesToJoin(_ problem: PlacementProblem) -> UInt64 {
    var joined = problem
    let names = Set(problem.nodes.map(\.node))
    // One of these names is free: there are more of them than nodes.
    let free = (0...problem.nodes.count).lazy.compactMap { NodeID("joining-\($0)") }
      .first { !names.contains($0) }
    guard let free else { return 0 }
    let zones = Dictionary(grouping: problem.nodes.filter(\.isEligible), by: \.zone)
    let smallest = zones.min { ($0.value.count, $0.key) < ($1.value.count, $1.key) }
    joined.nodes.append(PlannerNode(node: free, zone: smallest?.key ?? ""))
    joined.bounds.maximumChanges = .max
    var present = problem
    present.bounds.maximumChanges = .max
    let due = bytes(of: present)
    let all = bytes(of: joined)
    return all > due ? all - due : 0
  }

  private static func bytes(of problem: PlacementProblem) -> UInt64 {
    target(for: problem).changes(from: problem).reduce(0) { $0 &+ $1.bytes }
  }
}
