/// A counter that only grows. It stops at `UInt64.max`: growing further than that must not make it
/// smaller.
struct GCounter: TableStore {
  static let kind = ReplicatedKind.gcounter

  private var shares = CounterShares<UInt64>()

  var table: DotTable<CounterShare<UInt64>> {
    get { shares.table }
    _modify { yield &shares.table }
  }

  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    if case .gcounter(let increment) = delta { fragment.shares = shares.add(increment, &mutation) }
    return fragment
  }

  func functionValue(in electorate: Electorate) -> FunctionValue { .gcounter(shares.total) }

  static func unwrap(_ content: ReplicatedContent) -> Self? {
    if case .gcounter(let store) = content { store } else { nil }
  }

  var wrapped: ReplicatedContent { .gcounter(self) }
}

extension UInt64: CounterAmount {
  func plus(_ other: UInt64) -> UInt64 {
    let (sum, isOver) = addingReportingOverflow(other)
    return isOver ? .max : sum
  }
}
