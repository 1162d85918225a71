/// What the changes of a value left behind, each trace under the dot of its change. All eight types are
/// built this way, after Almeida, Shoker and Baquero, "Delta State Replicated Data Types" (2018), so that
/// each may live in a map and be removed there.
///
/// Two stores with their contexts merge by one rule: what both have stays, and what one has stays unless
/// the other knows the dot without having it. Invariants: a dot stands at one place of a store, and the
/// context that belongs to a store knows all its dots.
protocol CausalStore: Hashable, Sendable {
  static var kind: ReplicatedKind { get }

  /// The value before any change.
  init()

  /// Whether no change left a trace.
  var isEmpty: Bool { get }

  func forEachDot(_ body: (Dot) -> Void)

  /// Removes the traces of `dots`, and answers how many there were.
  @discardableResult
  mutating func drop(_ dots: CausalContext) -> Int

  /// The same, but looks only under the elements or keys that `part` has.
  mutating func drop(_ dots: CausalContext, under part: Self) -> Int

  /// Adds what `other` has of dots that are not in `known`, and joins what both have.
  mutating func take(_ other: Self, known: CausalContext)

  /// Makes a change that ``FunctionDelta/validate(against:mutation:depth:)`` let pass, and answers the
  /// traces it left. A delta of another type changes nothing.
  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self

  func functionValue(in electorate: Electorate) -> FunctionValue

  func encode(into writer: inout ByteWriter)
  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError)

  static func unwrap(_ content: ReplicatedContent) -> Self?
  var wrapped: ReplicatedContent { get }
}

extension CausalStore {
  var dots: CausalContext {
    var dots: [Dot] = []
    forEachDot { dots.append($0) }
    return CausalContext(dots)
  }

  /// Undoes all changes that are seen from where the mutation is made.
  mutating func reset(_ mutation: inout Mutation) {
    var seen: [Dot] = []
    forEachDot { if mutation.sees($0) { seen.append($0) } }
    guard !seen.isEmpty else { return }
    drop(CausalContext(seen))
    for dot in seen { mutation.drop(dot) }
  }
}
