import CloudstateModel

/// The replicas of a service's shards, given where the primaries will be: a cheapest flow from shards over zones to
/// nodes, in which a new copy costs one and a node that has the data already (as replica or as the primary until
/// now) costs nothing.
///
/// Each node takes its quota of replicas. If zones or the number of nodes do not allow that, all quotas are raised by
/// the smallest number with which every replica has a place.
struct ReplicaPlacement {
  /// For each shard of the table the wanted replicas in the order of their names; those of shards that are left as
  /// they are unchanged.
  private(set) var replicas: [[NodeID]]

  /// A shard that needs replicas on the nodes of the table.
  private struct Demand {
    var index: Int
    var primary: Int
    /// How many.
    var count: Int
    /// Which have the data already, the in-sync ones first.
    var holders: [Int]
    /// Copies elsewhere that count, on nodes that are down.
    var kept: [NodeID]
    /// How many each zone may still take.
    var zoneLimits: [Int]
    /// The nodes to consider, in this order.
    var candidates: [Int]
  }

  /// More edges than this are not worth their memory; then each shard considers fewer nodes of each zone.
  private static let maximumEdges = 4_000_000

  private let table: PlanningTable
  private let zones: [Int]
  private let zoneCount: Int
  private let zoneNames: [String: Int]

  /// - Parameters:
  ///   - primaries: the wanted primaries, as places; `nil` for a shard that is left as it is.
  ///   - others: replicas of shards that are not in the table, on each of its nodes.
  init(
    _ table: PlanningTable, primaries: [Int?], replicationFactor: Int, others: [Int]? = nil
  ) {
    self.table = table
    let names = Set(table.nodes.map(\.zone)).sorted()
    let zoneNames = Dictionary(
      uniqueKeysWithValues: names.enumerated().map { ($0.element, $0.offset) })
    self.zoneNames = zoneNames
    zoneCount = names.count
    zones = table.nodes.map { zoneNames[$0.zone] ?? 0 }
    replicas = table.shards.map { $0.replicas }
    var ordinals = [Int](repeating: 0, count: table.nodes.count)
    var demands: [Demand] = []
    for (index, primary) in primaries.enumerated() {
      guard let primary else { continue }
      let demand = demand(
        index, primary: primary, ordinal: ordinals[primary], wanted: max(0, replicationFactor - 1))
      ordinals[primary] += 1
      demands.append(demand)
    }
    let total = demands.reduce(0) { $0 + $1.count }
    let quotas = Quotas(
      total: total, capacities: table.capacities, held: others ?? table.fixedReplicaCounts)
    let chosen = place(demands, total: total, quotas: quotas)
    for (demand, places) in zip(demands, chosen) {
      replicas[demand.index] = (demand.kept + places.map { table.nodes[$0].node }).sorted()
    }
  }

  private func demand(_ index: Int, primary: Int, ordinal: Int, wanted: Int) -> Demand {
    let shard = table.shards[index]
    let newPrimary = table.nodes[primary].node
    let old = shard.replicas.filter { $0 != newPrimary }
    let alive = old.filter { table.places[$0] != nil }
    let down = inSyncFirst(
      old.filter { table.places[$0] == nil && table.absence(of: $0) == .down }, of: shard)
    // A node that is down keeps its copies; but where there are too many, these go first.
    let kept = Array(down.prefix(max(0, wanted - alive.count)))
    let count = min(max(0, wanted - kept.count), table.nodes.count - 1)
    var holders = inSyncFirst(alive, of: shard).compactMap { table.places[$0] }
    // Whoever has been the primary has everything.
    if let place = shard.place, place != primary { holders.insert(place, at: 0) }
    return Demand(
      index: index, primary: primary, count: count, holders: holders, kept: kept,
      zoneLimits: zoneLimits(count, primary: primary, kept: kept),
      candidates: candidates(primary: primary, ordinal: ordinal, holders: holders))
  }

  /// How many of `count` replicas each zone may take, so that no zone has more copies than need be.
  private func zoneLimits(_ count: Int, primary: Int, kept: [NodeID]) -> [Int] {
    var taken = [Int](repeating: 0, count: zoneCount)
    var free = [Int](repeating: 0, count: zoneCount)
    for (place, zone) in zones.enumerated() where place != primary { free[zone] += 1 }
    taken[zones[primary]] += 1
    for node in kept {
      if let zone = zoneNames[table.zone(ofDownNode: node)] { taken[zone] += 1 }
    }
    var limits = [Int](repeating: 0, count: zoneCount)
    var most = 1
    repeat {
      for zone in limits.indices { limits[zone] = min(max(0, most - taken[zone]), free[zone]) }
      most += 1
    } while limits.reduce(0, +) < count
    return limits
  }

  /// The nodes in an order that starts elsewhere for each shard of a primary, so that its replicas are spread.
  private func candidates(primary: Int, ordinal: Int, holders: [Int]) -> [Int] {
    let nodes = table.nodes.count
    let perZone = max(8, Self.maximumEdges / max(1, table.shards.count * zoneCount))
    var perZoneCount = [Int](repeating: 0, count: zoneCount)
    var candidates = holders
    for step in 0..<nodes - 1 {
      let place = (primary + 1 + (ordinal + step) % (nodes - 1)) % nodes
      guard !holders.contains(place), perZoneCount[zones[place]] < perZone else { continue }
      perZoneCount[zones[place]] += 1
      candidates.append(place)
    }
    return candidates
  }

  private func inSyncFirst(_ nodes: [NodeID], of shard: PlanningTable.Shard) -> [NodeID] {
    nodes.filter { shard.inSync.contains($0) } + nodes.filter { !shard.inSync.contains($0) }
  }

  /// The places for each demand, under the smallest raise of the quotas that lets all have theirs.
  private func place(_ demands: [Demand], total: Int, quotas: Quotas) -> [[Int]] {
    guard total > 0 else { return demands.map { _ in [] } }
    let atOnce = flow(demands, quotas: quotas, raise: 0)
    if atOnce.value == total { return atOnce.places }
    // With a raise by the number of shards the quotas bind nobody.
    var (low, high) = (0, demands.count)
    var best = flow(demands, quotas: quotas, raise: high)
    let possible = best.value
    while high - low > 1 {
      let middle = (low + high) / 2
      let attempt = flow(demands, quotas: quotas, raise: middle)
      if attempt.value == possible { (high, best) = (middle, attempt) } else { low = middle }
    }
    return best.places
  }

  private func flow(
    _ demands: [Demand], quotas: Quotas, raise: Int
  ) -> (value: Int, places: [[Int]]) {
    // Vertices: the demands, the nodes, these three, then a zone of a demand where zones matter.
    let firstNode = demands.count
    let extras = firstNode + table.nodes.count
    let (source, sink) = (extras + 1, extras + 2)
    let firstZone = sink + 1
    let hasZones = zoneCount > 1
    var network = MinimumCostFlow(
      vertices: firstZone + (hasZones ? demands.count * zoneCount : 0),
      expectedEdges: demands.reduce(table.nodes.count * 2 + 1) {
        $0 + $1.candidates.count + 1 + (hasZones ? zoneCount : 0)
      })
    for (vertex, demand) in demands.enumerated() {
      network.addEdge(from: source, to: vertex, capacity: demand.count)
    }
    var edges: [[Int]] = []
    for (vertex, demand) in demands.enumerated() {
      var entered = [Bool](repeating: !hasZones, count: zoneCount)
      edges.append(
        demand.candidates.map { place in
          let zone = zones[place]
          let origin = hasZones ? firstZone + vertex * zoneCount + zone : vertex
          if !entered[zone] {
            entered[zone] = true
            network.addEdge(from: vertex, to: origin, capacity: demand.zoneLimits[zone])
          }
          let isNew = !demand.holders.contains(place)
          return network.addEdge(
            from: origin, to: firstNode + place, capacity: 1, cost: isNew ? 1 : 0)
        })
    }
    for place in table.nodes.indices {
      network.addEdge(from: firstNode + place, to: sink, capacity: quotas.base[place] + raise)
      if quotas.mayHaveExtra[place] {
        network.addEdge(from: firstNode + place, to: extras, capacity: 1)
      }
    }
    network.addEdge(from: extras, to: sink, capacity: quotas.extras)
    let value = network.run(from: source, to: sink)
    let places = zip(demands, edges).map { demand, edges in
      zip(demand.candidates, edges).filter { network.flow(through: $0.1) > 0 }.map(\.0)
    }
    return (value, places)
  }
}
