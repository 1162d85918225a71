/// The plain value that a function holds.
package enum FunctionValue: Hashable, Sendable {
  case gcounter(UInt64)
  case pncounter(Int64)
  case gset(Set<DataElement>)
  case orset(Set<DataElement>)
  case lwwregister(DataElement)
  case flag(Bool)
  case ormap([DataElement: FunctionValue])
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

  /// The value that a function starts with.
  package init(emptyOf kind: ReplicatedKind) {
    switch kind {
    case .gcounter: self = .gcounter(0)
    case .pncounter: self = .pncounter(0)
    case .gset: self = .gset([])
    case .orset: self = .orset([])
    case .lwwregister: self = .lwwregister(.empty)
    case .flag: self = .flag(false)
    case .ormap: self = .ormap([:])
    // Until told otherwise, a function takes itself for the only voter.
    case .vote: self = .vote(VoteTally(selfVote: false, totalVoters: 1))
    }
  }

  /// Follows a change, whichever side made it, as a function does. A delta of another type changes nothing.
  package mutating func apply(_ delta: FunctionDelta) {
    switch (self, delta) {
    case (.gcounter(let value), .gcounter(let increment)):
      self = .gcounter(value.plus(increment))
    case (.pncounter(let value), .pncounter(let change)):
      self = .pncounter(value.plus(change))
    // Taken out of the enumeration first, so that sets change in their place.
    case (.gset(var elements), .gset(let added)):
      self = .flag(false)
      elements.formUnion(added)
      self = .gset(elements)
    case (.orset(var elements), .orset(let change)):
      self = .flag(false)
      if change.cleared { elements.removeAll() }
      elements.subtract(change.removed)
      elements.formUnion(change.added)
      self = .orset(elements)
    case (.lwwregister, .lwwregister(let write)):
      self = .lwwregister(write.value)
    case (.flag(let isOn), .flag(let switchedOn)):
      self = .flag(isOn || switchedOn)
    case (.ormap(let entries), .ormap(let change)):
      self = .ormap(change.applied(to: entries))
    case (.vote, .vote(let tally)):
      self = .vote(tally)
    default:
      break
    }
  }

  /// Follows a change that the function itself made. It differs for votes only: a function sets its own vote
  /// and counts that, the other numbers it sends mean nothing.
  package mutating func applyOwn(_ delta: FunctionDelta) { apply(countingOwnVote(delta)) }

  private func countingOwnVote(_ delta: FunctionDelta) -> FunctionDelta {
    switch (self, delta) {
    case (.vote(var tally), .vote(let vote)):
      if vote.selfVote != tally.selfVote {
        tally.votesFor = vote.selfVote ? tally.votesFor + 1 : max(0, tally.votesFor - 1)
      }
      tally.selfVote = vote.selfVote
      return .vote(tally)
    case (.ormap(let entries), .ormap(var change)):
      for index in change.updated.indices {
        guard let entry = entries[change.updated[index].key] else { continue }
        change.updated[index].delta = entry.countingOwnVote(change.updated[index].delta)
      }
      for index in change.added.indices {
        let delta = change.added[index].delta
        let empty = FunctionValue(emptyOf: delta.kind)
        change.added[index].delta = empty.countingOwnVote(delta)
      }
      return .ormap(change)
    default:
      return delta
    }
  }
}

extension MapDelta {
  fileprivate func applied(
    to entries: [DataElement: FunctionValue]
  ) -> [DataElement: FunctionValue] {
    var entries = cleared ? [:] : entries
    for key in removed { entries[key] = nil }
    for update in updated { entries[update.key]?.apply(update.delta) }
    for addition in added {
      var value = FunctionValue(emptyOf: addition.delta.kind)
      value.apply(addition.delta)
      entries[addition.key] = value
    }
    return entries
  }
}
