import CloudstateModel

/// The primaries of shards of unequal load: greedy, the largest shard that helps first (Graham's
/// longest-processing-time rule, applied to the surplus alone).
///
/// The load of a node counts in relation to its capacity; its share is what it had if load could be divided at will.
///
/// 1. Shards that must leave (their node drains) go, the heaviest first, to the node that is calmest with them, or to
///    an in-sync replica that stays within its share.
/// 2. As long as it helps, a shard moves from the busiest node that can be helped to one that becomes less
///    busy by it than the busiest was. It helps if the busier of the two becomes calmer by at least the minimum gain
///    (a part of the average load); if it would with several such shards, of which this one brings at least half of
///    what it weighs; or if the node has more than its share and the heaviest shard together. Among the shards of the
///    node that one is taken which helps most, or one that an in-sync replica can take over if that helps at least half
///    as much.
///
/// So no node ends with more than its share plus the heaviest shard, and nothing moves where less than the minimum gain
/// is to be had. Where shards are many and light, no single one brings that much, and all of them together do.
struct LoadPlacement {
  /// For each shard of the table the place of its wanted primary; `nil` for a shard that is left as it is.
  private(set) var places: [Int?]

  private struct Candidate {
    var shard: Int
    var place: Int
    var gain: Double
    var bytes: UInt64
  }

  private let table: PlanningTable
  private let capable: [Int]
  private let shares: [Double]
  private let largest: Double
  private let minimumGain: Double
  /// The shards of each place, in order.
  private var held: [[Int]]
  private var loads: [Double]

  init(_ table: PlanningTable, minimumGain: Double) {
    self.table = table
    let movable = table.shards.indices.filter { !table.shards[$0].isFixed }
    let total = movable.reduce(0) { $0 + table.shards[$1].load }
    let average = total / table.totalCapacity
    capable = table.nodes.indices.filter { table.capacities[$0] > 0 }
    shares = table.capacities.map { average * $0 }
    largest = movable.map { table.shards[$0].load }.max() ?? 0
    self.minimumGain = (minimumGain.isFinite ? max(minimumGain, 1e-6) : 0.1) * average
    places = [Int?](repeating: nil, count: table.shards.count)
    held = [[Int]](repeating: [], count: table.nodes.count)
    loads = [Double](repeating: 0, count: table.nodes.count)
    var homeless: [Int] = []
    for index in movable {
      guard let place = table.shards[index].place, table.capacities[place] > 0 else {
        homeless.append(index)
        continue
      }
      places[index] = place
      held[place].append(index)
    }
    for place in capable { sumUp(place) }
    house(homeless)
    balance(atMost: movable.count * 4)
  }

  private mutating func house(_ homeless: [Int]) {
    let heaviestFirst = homeless.sorted {
      let (left, right) = (table.shards[$0], table.shards[$1])
      return (right.load, left.id) < (left.load, right.id)
    }
    for index in heaviestFirst {
      let load = table.shards[index].load
      let within = inSyncPlaces(of: index).filter { loads[$0] + load <= shares[$0] }
      let candidates = within.isEmpty ? capable : within
      guard let place = calmest(of: candidates, with: load) else { continue }
      move(index, to: place)
    }
  }

  /// Every move lowers the excess over the bounds or, at equal excess, the descending list of relative loads, so
  /// the loop ends by itself; the limit makes that independent of rounding.
  private mutating func balance(atMost limit: Int) {
    for _ in 0..<limit {
      guard let best = bestMove() else { return }
      move(best.shard, to: best.place)
    }
  }

  private func bestMove() -> Candidate? {
    let busiestFirst = capable.sorted { relative($1) < relative($0) }
    for source in busiestFirst {
      if let best = bestMove(from: source) { return best }
    }
    return nil
  }

  private func bestMove(from source: Int) -> Candidate? {
    // For a given load the calmest node of each capacity is the best of its kind.
    var calmestOfKind: [Int] = []
    for place in capable where place != source {
      let same = calmestOfKind.firstIndex { table.capacities[$0] == table.capacities[place] }
      if let same {
        if loads[place] < loads[calmestOfKind[same]] { calmestOfKind[same] = place }
      } else {
        calmestOfKind.append(place)
      }
    }
    let isOver = loads[source] > bound(source)
    var best: Candidate?
    var bestFree: Candidate?
    for index in held[source] where table.shards[index].load > 0 {
      let inSync = inSyncPlaces(of: index)
      for place in calmestOfKind {
        let isFree = inSync.contains(place)
        offer(index, from: source, to: place, isFree: isFree, isOver: isOver, in: &best)
      }
      for place in inSync where place != source {
        offer(index, from: source, to: place, isFree: true, isOver: isOver, in: &bestFree)
      }
    }
    guard let best else { return nil }
    if let bestFree, bestFree.gain >= best.gain / 2, best.gain > 0 { return bestFree }
    return best
  }

  private func offer(
    _ index: Int, from source: Int, to place: Int, isFree: Bool, isOver: Bool,
    in best: inout Candidate?
  ) {
    let shard = table.shards[index]
    guard loads[place] + shard.load <= bound(place) else { return }
    let before = relative(source)
    let after = max(
      (loads[source] - shard.load) / table.capacities[source],
      (loads[place] + shard.load) / table.capacities[place])
    let gain = before - after
    guard isOver || gain >= minimumGain || isOneOfSeveral(shard.load, source, place, gain)
    else { return }
    let candidate = Candidate(
      shard: index, place: place, gain: gain, bytes: isFree ? 0 : shard.bytes)
    guard let other = best else {
      best = candidate
      return
    }
    if gain > other.gain || (gain == other.gain && candidate.bytes < other.bytes) {
      best = candidate
    }
  }

  /// Whether the two nodes are so far apart that shards like this one would bring the minimum gain together.
  private func isOneOfSeveral(
    _ load: Double, _ source: Int, _ place: Int, _ gain: Double
  ) -> Bool {
    (relative(source) - relative(place)) / 2 >= minimumGain
      && gain >= load / table.capacities[source] / 2
  }

  private mutating func move(_ index: Int, to place: Int) {
    if let source = places[index] {
      held[source].removeAll { $0 == index }
      sumUp(source)
    }
    places[index] = place
    let position = held[place].firstIndex { $0 > index } ?? held[place].endIndex
    held[place].insert(index, at: position)
    sumUp(place)
  }

  /// Always in the order of shards, so that equal placements have equal loads to the last bit and a plan that is
  /// carried out is not planned again.
  private mutating func sumUp(_ place: Int) {
    loads[place] = held[place].reduce(0) { $0 + table.shards[$1].load }
  }

  private func inSyncPlaces(of index: Int) -> [Int] {
    let shard = table.shards[index]
    return shard.replicas.filter { shard.inSync.contains($0) }
      .compactMap { table.places[$0] }
      .filter { table.capacities[$0] > 0 }
  }

  private func calmest(of candidates: [Int], with load: Double) -> Int? {
    var best: Int?
    var least = Double.infinity
    for place in candidates {
      let relative = (loads[place] + load) / table.capacities[place]
      if relative < least { (best, least) = (place, relative) }
    }
    return best
  }

  private func relative(_ place: Int) -> Double { loads[place] / table.capacities[place] }

  /// Sums of the same loads in another order differ in the last bits; the margin is far below any load that counts.
  private func bound(_ place: Int) -> Double { (shares[place] + largest) * (1 + 1e-9) }
}
