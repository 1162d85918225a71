/// One change in the making: hands out dots and remembers which were made and which undone.
struct Mutation {
  let replica: ReplicaID
  /// Milliseconds since 1970.
  let now: Int64
  /// Whether the value lies in a map, where it may be removed.
  let isNested: Bool

  private let seen: CausalContext?
  private var lastNumber: UInt64
  private var minted = CausalContext()
  private(set) var dropped = CausalContext()
  private var grown = CausalContext()

  /// A change of a value with context `known`, by someone who has seen the changes in `seen`; `nil` stands
  /// for all.
  init(
    replica: ReplicaID, now: Int64, known: CausalContext, seen: CausalContext?, isNested: Bool
  ) {
    self.replica = replica
    self.now = now
    self.isNested = isNested
    self.seen = seen
    self.lastNumber = known.highestNumber(of: replica)
  }

  var canMint: Bool { lastNumber < Dot.lastChangeableNumber }

  /// The context of the delta.
  var context: CausalContext {
    var context = minted
    context.formUnion(dropped)
    context.formUnion(grown)
    return context
  }

  mutating func mint() -> Dot {
    lastNumber += 1
    let dot = Dot(replica: replica, number: lastNumber)
    minted.insert(dot)
    return dot
  }

  mutating func drop(_ dot: Dot) { dropped.insert(dot) }

  /// An older trace is part of the delta because its value changed: the delta must know it.
  mutating func grow(_ dot: Dot) { grown.insert(dot) }

  func sees(_ dot: Dot) -> Bool {
    guard let seen else { return true }
    return seen.contains(dot) || minted.contains(dot)
  }
}
