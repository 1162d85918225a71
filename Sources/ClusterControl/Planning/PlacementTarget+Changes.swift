import CloudstateModel

extension PlacementTarget {
  /// What leads from the present placement to this one, in the order in which it is best done:
  ///
  /// 1. changes of role that need no bytes,
  /// 2. copies that are missing, the smallest first, so that many shards are safe soon,
  /// 3. everything that needs bytes for the sake of balance, what brings most balance per byte first,
  /// 4. copies that are too many.
  ///
  /// Balance is measured as the sum of the squares of how much each node has too much or too little, in load for
  /// primaries and in number for replicas. The changes of one shard come in an order in which it never has fewer
  /// copies than before or after, and may be carried out one after the other with
  /// ``CloudstateModel/ShardAssignment/applying(_:)``.
  ///
  /// - Parameter problem: the one the target was planned for.
  /// - Returns: at most ``PlacementBounds/maximumChanges`` changes, but all of the first shard's.
  package func changes(from problem: PlacementProblem) -> [PlacementChange] {
    let table = PlanningTable(problem)
    var order = ChangeOrder(table: table, target: self)
    var changes: [PlacementChange] = []
    while let group = order.next() {
      guard changes.isEmpty || changes.count + group.count <= problem.bounds.maximumChanges else {
        break
      }
      changes += group
    }
    return changes
  }
}

/// Puts groups of changes into the order of ``PlacementTarget/changes(from:)``.
private struct ChangeOrder {
  private var free: RoutedGroups
  /// The next is the last.
  private var missing: [ChangeGroup] = []
  private var relocations: RoutedGroups
  private var surplus: [ChangeGroup] = []
  private var excess: Excess

  init(table: PlanningTable, target: PlacementTarget) {
    excess = Excess(table: table, target: target)
    let steps = table.shards.compactMap { shard in
      target[shard.id].map { ShardSteps(shard, $0) }
    }
    let rest = steps.compactMap(\.rest)
    free = RoutedGroups(steps.compactMap(\.swap))
    missing = rest.filter { $0.kind == .addition }
      .sorted { ($1.bytes, $1.shard) < ($0.bytes, $0.shard) }
    relocations = RoutedGroups(rest.filter { $0.kind == .relocation })
    surplus = rest.filter { $0.kind == .removal }.reversed()
  }

  mutating func next() -> [PlacementChange]? {
    let group =
      free.takeBest(excess) ?? missing.popLast() ?? relocations.takeBest(excess)
      ?? surplus.popLast()
    guard let group else { return nil }
    excess.apply(group)
    return group.changes
  }
}

/// Groups by their route. Those of one route are alike but for load and bytes, so for each choice only the best of
/// each route has to be looked at.
private struct RoutedGroups {
  /// Of each route the next is the last; no route is empty.
  private var routes: [[ChangeGroup]]

  init(_ groups: [ChangeGroup]) {
    let byRoute = Dictionary(grouping: groups, by: \.route)
    routes = byRoute.keys.sorted().compactMap { byRoute[$0] }
      .map { groups in
        groups.sorted { ($0.loadPerByte, $1.shard) < ($1.loadPerByte, $0.shard) }
      }
  }

  /// The group that brings most balance per byte.
  mutating func takeBest(_ excess: Excess) -> ChangeGroup? {
    var best: Int?
    var most = -Double.infinity
    for (index, groups) in routes.enumerated() {
      guard let group = groups.last else { continue }
      let value = excess.gain(of: group) / Double(max(1, group.bytes))
      if value > most { (best, most) = (index, value) }
    }
    guard let best else { return nil }
    let group = routes[best].removeLast()
    if routes[best].isEmpty { routes.remove(at: best) }
    return group
  }
}

/// What each node has more than it shall have.
private struct Excess {
  private var load: [NodeID: Double] = [:]
  private var replicas: [NodeID: Double] = [:]

  init(table: PlanningTable, target: PlacementTarget) {
    for shard in table.shards {
      guard let placement = target[shard.id] else { continue }
      load[shard.primary, default: 0] += shard.load
      load[placement.primary, default: 0] -= shard.load
      for node in shard.replicas { replicas[node, default: 0] += 1 }
      for node in placement.replicas { replicas[node, default: 0] -= 1 }
    }
  }

  /// By how much the sum of squares falls.
  func gain(of group: ChangeGroup) -> Double {
    var gain = 0.0
    if let move = group.move {
      let difference = load[move.from, default: 0] - load[move.to, default: 0]
      gain += 2 * group.load * (difference - group.load)
    }
    for (from, to) in zip(group.left, group.joined) {
      gain += 2 * (replicas[from, default: 0] - replicas[to, default: 0] - 1)
    }
    return gain
  }

  mutating func apply(_ group: ChangeGroup) {
    if let move = group.move {
      load[move.from, default: 0] -= group.load
      load[move.to, default: 0] += group.load
    }
    for node in group.left { replicas[node, default: 0] -= 1 }
    for node in group.joined { replicas[node, default: 0] += 1 }
  }
}
