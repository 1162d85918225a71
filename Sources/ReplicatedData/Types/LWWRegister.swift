/// A single value. Of two writes that did not know of each other the one with the higher timestamp counts,
/// and with equal timestamps the one of the lower replica.
///
/// Writes that do not know of each other are all kept, at most one for each replica, although only one
/// counts: if the register lies in a map and the one that counts is removed, the next one counts, whatever
/// the order in which the changes arrive.
struct LWWRegister: TableStore {
  struct Write: DotValue {
    let timestamp: Int64
    let value: DataElement

    /// A write is never changed; two that claim the same dot come from broken input.
    func joined(with other: Write) -> Write {
      (timestamp, value) >= (other.timestamp, other.value) ? self : other
    }
  }

  static let kind = ReplicatedKind.lwwregister

  var table = DotTable<Write>()

  private var current: DotTable<Write>.Entry? {
    table.entries.max { left, right in
      Self.counts(right.value.timestamp, right.dot, over: left.value.timestamp, left.dot)
    }
  }

  /// A write is merged with what is there and not forced: if its timestamp is lower, it has no effect.
  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    guard case .lwwregister(let write) = delta else { return fragment }
    let current = current
    let timestamp = write.timestamp(now: mutation.now, current: current?.value.timestamp)
    if let current {
      guard
        timestamp > current.value.timestamp
          || timestamp == current.value.timestamp && mutation.replica < current.dot.replica
      else { return fragment }
    }
    for entry in table.entries { mutation.drop(entry.dot) }
    table = DotTable()
    table[mutation.mint()] = Write(timestamp: timestamp, value: write.value)
    fragment.table = table
    return fragment
  }

  func functionValue(in electorate: Electorate) -> FunctionValue {
    .lwwregister(current?.value.value ?? .empty)
  }

  static func unwrap(_ content: ReplicatedContent) -> Self? {
    if case .lwwregister(let store) = content { store } else { nil }
  }

  var wrapped: ReplicatedContent { .lwwregister(self) }

  /// The numbers decide only between writes of one replica: the later one counts.
  private static func counts(
    _ timestamp: Int64, _ dot: Dot, over otherTimestamp: Int64, _ otherDot: Dot
  ) -> Bool {
    if timestamp != otherTimestamp { return timestamp > otherTimestamp }
    if dot.replica != otherDot.replica { return dot.replica < otherDot.replica }
    return dot.number > otherDot.number
  }
}
