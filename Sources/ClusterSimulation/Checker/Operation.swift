/// One command as a client saw it. Times are of the whole world's clock, in nanoseconds.
package struct Operation: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// Adds the operation's own number to the end of the entity's list.
    case append
    case read
  }

  /// What the client knows in the end.
  package enum Outcome: Hashable, Sendable {
    /// The list after the command.
    case ok(ListState)
    /// Certainly nothing happened.
    case failed
    /// It may have happened, and may still happen.
    case unknown
  }

  /// Unique in a simulation.
  package let number: UInt64
  package let entity: String
  package let kind: Kind
  package let invokedAt: UInt64
  /// When the outcome was known; `nil` for an operation whose client waits still.
  package var completedAt: UInt64?
  package var outcome: Outcome

  package init(
    number: UInt64, entity: String, kind: Kind, invokedAt: UInt64, completedAt: UInt64? = nil,
    outcome: Outcome = .unknown
  ) {
    self.number = number
    self.entity = entity
    self.kind = kind
    self.invokedAt = invokedAt
    self.completedAt = completedAt
    self.outcome = outcome
  }
}

/// A list as answers tell it: how long it is, and a hash of all that is in it, in order.
package struct ListState: Hashable, Sendable {
  package private(set) var count: UInt64 = 0
  package private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  package init() {}

  package init(_ numbers: some Sequence<UInt64>) {
    for number in numbers { append(number) }
  }

  /// From an answer.
  package init(count: UInt64, hash: UInt64) {
    self.count = count
    self.hash = hash
  }

  package mutating func append(_ number: UInt64) {
    count += 1
    hash = (hash ^ number) &* 0x0000_0100_0000_01b3
    hash ^= hash >> 31
  }
}
