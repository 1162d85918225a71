/// A change of a plain value, as functions and the sidecar tell each other (`CrdtDelta`, protocol section 5).
/// It cannot express conflicts, so only one side may change the value at a time.
package enum FunctionDelta: Hashable, Sendable {
  case gcounter(increment: UInt64)
  case pncounter(change: Int64)
  case gset(added: [DataElement])
  case orset(SetDelta)
  case lwwregister(RegisterDelta)
  case flag(Bool)
  case ormap(MapDelta)
  case vote(VoteTally)

  package var kind: ReplicatedKind {
    switch self {
    case .gcounter: .gcounter
    case .pncounter: .pncounter
    case .gset: .gset
    case .orset: .orset
    case .lwwregister: .lwwregister
    case .flag: .flag
    case .ormap: .ormap
    case .vote: .vote
    }
  }
}

/// The change of an ORSet; its parts take effect in the order in which they stand here.
package struct SetDelta: Hashable, Sendable {
  package var cleared: Bool
  package var removed: [DataElement]
  package var added: [DataElement]

  package init(
    cleared: Bool = false, removed: [DataElement] = [], added: [DataElement] = []
  ) {
    self.cleared = cleared
    self.removed = removed
    self.added = added
  }
}

/// A write to an LWWRegister. Clock and clock value matter only on the way from the function.
package struct RegisterDelta: Hashable, Sendable {
  package var value: DataElement
  package var clock: RegisterClock
  package var customClockValue: Int64

  package init(
    value: DataElement, clock: RegisterClock = .system, customClockValue: Int64 = 0
  ) {
    self.value = value
    self.clock = clock
    self.customClockValue = customClockValue
  }
}

/// The change of an ORMap; its parts take effect in the order in which they stand here.
package struct MapDelta: Hashable, Sendable {
  package var cleared: Bool
  package var removed: [DataElement]
  /// Changes of entries that exist; others are skipped.
  package var updated: [MapEntryDelta]
  /// New entries, each with its change from the empty value of its type.
  package var added: [MapEntryDelta]

  package init(
    cleared: Bool = false, removed: [DataElement] = [], updated: [MapEntryDelta] = [],
    added: [MapEntryDelta] = []
  ) {
    self.cleared = cleared
    self.removed = removed
    self.updated = updated
    self.added = added
  }
}

package struct MapEntryDelta: Hashable, Sendable {
  package var key: DataElement
  package var delta: FunctionDelta

  package init(key: DataElement, delta: FunctionDelta) {
    self.key = key
    self.delta = delta
  }
}

/// The state of a vote. All three are absolute; from a function only its own vote matters.
package struct VoteTally: Hashable, Sendable {
  package var selfVote: Bool
  package var votesFor: Int
  package var totalVoters: Int

  package init(selfVote: Bool, votesFor: Int = 0, totalVoters: Int = 0) {
    self.selfVote = selfVote
    self.votesFor = votesFor
    self.totalVoters = totalVoters
  }
}
