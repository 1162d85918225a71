/// The changes that a value knows of, whether their effect is still there or not.
///
/// A change that is known but has left no trace was undone. That is how a removal is told from a change
/// not yet heard of without keeping a mark for everything that was ever removed: a complete context has
/// one range of numbers for each replica.
package struct CausalContext: Hashable, Sendable {
  /// Invariant: no replica has an empty set.
  private(set) var known: [ReplicaID: DotRanges] = [:]

  package init() {}

  /// Sorts the dots first, so that building it costs no more than sorting.
  init(_ dots: some Sequence<Dot>) {
    for dot in dots.sorted() { insert(dot) }
  }

  package var isEmpty: Bool { known.isEmpty }

  /// All replicas that ever made a change that is known here, in order.
  package var replicas: [ReplicaID] { known.keys.sorted() }

  /// How many changes are known. Contexts that were made up may have more than fit; then it is any number.
  var count: UInt64 { known.values.reduce(0) { $0 &+ $1.count } }

  func contains(_ dot: Dot) -> Bool { known[dot.replica]?.contains(dot.number) ?? false }

  func highestNumber(of replica: ReplicaID) -> UInt64 { known[replica]?.highest ?? 0 }

  mutating func insert(_ dot: Dot) { known[dot.replica, default: DotRanges()].insert(dot.number) }

  mutating func insert(_ ranges: DotRanges, of replica: ReplicaID) {
    guard !ranges.isEmpty else { return }
    known[replica, default: DotRanges()].formUnion(ranges)
  }

  mutating func formUnion(_ other: CausalContext) {
    for (replica, ranges) in other.known { insert(ranges, of: replica) }
  }

  func subtracting(_ other: CausalContext) -> CausalContext {
    var rest = CausalContext()
    for (replica, ranges) in known {
      guard let holes = other.known[replica] else {
        rest.known[replica] = ranges
        continue
      }
      let remaining = ranges.subtracting(holes)
      if !remaining.isEmpty { rest.known[replica] = remaining }
    }
    return rest
  }
}
