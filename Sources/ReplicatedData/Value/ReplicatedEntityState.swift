/// The state of a replicated entity once it exists. Deletion is final: it wins over every change, and its
/// mark must be kept, or a copy that missed it would bring the value back.
package enum ReplicatedEntityState: Hashable, Sendable {
  case live(ReplicatedValue)
  case deleted

  package mutating func merge(_ other: ReplicatedEntityState) {
    guard case .live(let theirs) = other else { return self = .deleted }
    guard case .live(var value) = self else { return }
    // The value must have one owner while it changes, or it is copied as a whole.
    self = .deleted
    value.merge(theirs)
    self = .live(value)
  }

  package func merging(_ other: ReplicatedEntityState) -> ReplicatedEntityState {
    var merged = self
    merged.merge(other)
    return merged
  }
}
