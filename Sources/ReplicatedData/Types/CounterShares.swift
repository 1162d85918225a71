/// A number that counters add up.
protocol CounterAmount: Hashable, Sendable, Comparable {
  static var zero: Self { get }
  func plus(_ other: Self) -> Self
  func encode(into writer: inout ByteWriter)
  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError)
}

/// A part of what one replica added to a counter: the sum of its additions from number `first` up to the
/// number of the dot that the share stands under.
struct CounterShare<Amount: CounterAmount>: DotValue {
  var first: UInt64
  var amount: Amount

  /// A share only ever grows at its lower end, when its replica puts an older one into it.
  func joined(with other: Self) -> Self {
    if first != other.first { return first < other.first ? self : other }
    return amount >= other.amount ? self : other
  }
}

/// The shares of all replicas.
///
/// A counter outside a map is never reset, so a replica has one share there. In a map the key may be
/// removed elsewhere while a replica adds. Then the additions that the remover had not seen shall stay and
/// those it had seen shall not come back. That works as long as they are separate shares, so a replica
/// keeps its last additions apart, and puts the oldest share into the one after it when there are too many.
struct CounterShares<Amount: CounterAmount>: Hashable, Sendable {
  /// How many shares a replica keeps of a counter in a map. A removal by someone who had missed so many
  /// additions of one replica, or more, leaves older additions of that replica in place. More shares cost
  /// a few bytes each, for every replica and every counter.
  static var maximumNestedShares: Int { 8 }

  var table = DotTable<CounterShare<Amount>>()

  /// The sum of all shares. Where deltas went missing, an older share may still be here that a younger
  /// one includes: it does not count.
  var total: Amount {
    var total = Amount.zero
    forEachCounting { total = total.plus($0.value.amount) }
    return total
  }

  /// Adds at the mutation's replica, and answers the shares that are new or have grown.
  mutating func add(_ amount: Amount, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    guard amount != .zero else { return fragment }
    let dot = mutation.mint()
    table[dot] = CounterShare(first: dot.number, amount: amount)
    let limit = mutation.isNested ? Self.maximumNestedShares : 1
    var shares = clearedShares(of: mutation.replica, &mutation)
    while shares.count > limit {
      let oldest = shares.removeFirst()
      shares[0].value.first = oldest.value.first
      shares[0].value.amount = oldest.value.amount.plus(shares[0].value.amount)
      table[oldest.dot] = nil
      mutation.drop(oldest.dot)
      mutation.grow(shares[0].dot)
      table[shares[0].dot] = shares[0].value
      fragment.table[shares[0].dot] = shares[0].value
    }
    fragment.table[dot] = table[dot]
    return fragment
  }

  /// The shares of one replica that count, oldest first; removes those that do not.
  private mutating func clearedShares(
    of replica: ReplicaID, _ mutation: inout Mutation
  ) -> [DotTable<CounterShare<Amount>>.Entry] {
    var counting: [DotTable<CounterShare<Amount>>.Entry] = []
    forEachCounting { if $0.dot.replica == replica { counting.append($0) } }
    counting.reverse()
    let counted = Set(counting.map(\.dot))
    for entry in table.entries where entry.dot.replica == replica && !counted.contains(entry.dot) {
      table[entry.dot] = nil
      mutation.drop(entry.dot)
    }
    return counting
  }

  /// Visits the youngest share of each replica, then those below its lower end.
  private func forEachCounting(_ body: (DotTable<CounterShare<Amount>>.Entry) -> Void) {
    var younger: DotTable<CounterShare<Amount>>.Entry?
    for entry in table.entries.reversed() {
      if let younger, younger.dot.replica == entry.dot.replica,
        younger.value.first <= entry.dot.number
      {
        continue
      }
      body(entry)
      younger = entry
    }
  }
}
