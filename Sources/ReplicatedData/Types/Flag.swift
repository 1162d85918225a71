/// A flag that is off at first and, once on, stays on.
struct Flag: TableStore {
  static let kind = ReplicatedKind.flag

  var table = DotSet()

  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    guard case .flag(true) = delta, table.isEmpty else { return fragment }
    table.renew(&mutation)
    fragment.table = table
    return fragment
  }

  /// Whether someone who has seen what the mutation has seen holds the flag for on.
  func isOn(for mutation: Mutation) -> Bool {
    table.entries.contains { mutation.sees($0.dot) }
  }

  func functionValue(in electorate: Electorate) -> FunctionValue { .flag(!table.isEmpty) }

  static func unwrap(_ content: ReplicatedContent) -> Self? {
    if case .flag(let store) = content { store } else { nil }
  }

  var wrapped: ReplicatedContent { .flag(self) }
}
