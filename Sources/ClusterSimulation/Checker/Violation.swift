/// What the cluster promises and a simulation checks.
package enum Property: String, Sendable, CaseIterable {
  /// Each entity behaves as if its commands ran one after the other, each between call and answer.
  case linearizable
  /// An acknowledged event stays.
  case durable
  /// A command leaves its event once, however often it was sent under one idempotency key, and a command that was
  /// refused leaves none.
  case once
  /// Every reader of a shard sees every position once, in order, and the same batches as all others.
  case stream
  /// Under one epoch one node confirms, and what was confirmed at a position never changes.
  case onePrimary = "one-primary"
  /// An assignment never changes under its epoch, and a node follows epochs forward only.
  case plan
  /// What coordinators keep goes forward only, no leader writes after its successor, and what was published is never
  /// published again with other content.
  case record
  /// The in-sync copies of a shard are equal when all is at rest.
  case copies
  /// When all faults have ended the cluster serves every shard again, within a bounded time.
  case converges
}

/// A promise that was broken in a simulation.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
  package let property: Property
  /// What was seen, for people.
  package let text: String

  package init(_ property: Property, _ text: String) {
    self.property = property
    self.text = text
  }

  package var description: String { "\(property.rawValue): \(text)" }
}
