/// A counter that goes up and down. It wraps around modulo 2^64, as `sint64` arithmetic does in functions:
/// only so is the sum the same in whichever order the changes are added.
struct PNCounter: TableStore {
  static let kind = ReplicatedKind.pncounter

  private var shares = CounterShares<Int64>()

  var table: DotTable<CounterShare<Int64>> {
    get { shares.table }
    _modify { yield &shares.table }
  }

  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    if case .pncounter(let change) = delta { fragment.shares = shares.add(change, &mutation) }
    return fragment
  }

  func functionValue(in electorate: Electorate) -> FunctionValue { .pncounter(shares.total) }

  static func unwrap(_ content: ReplicatedContent) -> Self? {
    if case .pncounter(let store) = content { store } else { nil }
  }

  var wrapped: ReplicatedContent { .pncounter(self) }
}

extension Int64: CounterAmount {
  func plus(_ other: Int64) -> Int64 { self &+ other }
}
