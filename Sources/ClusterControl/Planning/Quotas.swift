/// How many of a number of equal things each node is to have: its share by capacity, rounded down or up.
///
/// The shares rounded down leave some over (``extras``); each of these makes the share of one node a rounded-up one.
/// Who gets them is left to the caller.
struct Quotas {
  /// What each node is to get besides what it holds, rounded down.
  private(set) var base: [Int]
  /// Whether the node may have one of ``extras``.
  private(set) var mayHaveExtra: [Bool]
  private(set) var extras: Int

  /// - Parameters:
  ///   - total: the things to give out, without those that are held.
  ///   - held: what each node has and keeps. A node that has more than its share gets nothing, and the others share
  ///     the rest.
  init(total: Int, capacities: [Double], held: [Int]) {
    base = [Int](repeating: 0, count: capacities.count)
    mayHaveExtra = [Bool](repeating: false, count: capacities.count)
    extras = 0
    var sharing = capacities.indices.filter { capacities[$0] > 0 }
    while !sharing.isEmpty {
      let capacity = sharing.reduce(0) { $0 + capacities[$1] }
      let all = Double(sharing.reduce(total) { $0 + held[$1] })
      let shares = sharing.map { Self.settled(all * capacities[$0] / capacity) }
      let satisfied = Set(
        zip(sharing, shares).filter { Double(held[$0]) > $1.rounded(.up) }.map(\.0))
      guard satisfied.isEmpty else {
        sharing.removeAll { satisfied.contains($0) }
        continue
      }
      for (place, share) in zip(sharing, shares) {
        base[place] = max(0, Int(share.rounded(.down)) - held[place])
        mayHaveExtra[place] = share != share.rounded(.down) && Double(held[place]) < share
      }
      break
    }
    extras = max(0, total - base.reduce(0, +))
  }

  /// A share that is a whole number but for the rounding of the division.
  private static func settled(_ share: Double) -> Double {
    abs(share - share.rounded()) < 1e-9 ? share.rounded() : share
  }
}
