/// A vote of all members: each says yes or no for itself, no until it says otherwise. What replicas that are
/// no longer members said is kept, in case they come back, and does not count.
struct Vote: TableStore {
  struct Ballot: DotValue {
    let isYes: Bool

    /// A ballot is never changed; two that claim the same dot come from broken input.
    func joined(with other: Ballot) -> Ballot { isYes ? self : other }
  }

  static let kind = ReplicatedKind.vote

  var table = DotTable<Ballot>()

  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    guard case .vote(let vote) = delta, says(mutation.replica) != vote.selfVote else {
      return fragment
    }
    for entry in table.entries where entry.dot.replica == mutation.replica {
      table[entry.dot] = nil
      mutation.drop(entry.dot)
    }
    let dot = mutation.mint()
    table[dot] = Ballot(isYes: vote.selfVote)
    fragment.table[dot] = table[dot]
    return fragment
  }

  func functionValue(in electorate: Electorate) -> FunctionValue {
    .vote(
      VoteTally(
        selfVote: says(electorate.replica),
        votesFor: electorate.members.count(where: says),
        totalVoters: electorate.members.count))
  }

  static func unwrap(_ content: ReplicatedContent) -> Self? {
    if case .vote(let store) = content { store } else { nil }
  }

  var wrapped: ReplicatedContent { .vote(self) }

  /// A replica's last ballot counts; an older one may still be here where deltas went missing.
  private func says(_ replica: ReplicaID) -> Bool {
    table.entries.last { $0.dot.replica == replica }?.value.isYes ?? false
  }
}

/// The members that vote, as seen from one of them.
package struct Electorate: Hashable, Sendable {
  /// The replica that asks. It counts as a voter only if it is among the members.
  package var replica: ReplicaID
  package var members: Set<ReplicaID>

  package init(replica: ReplicaID, members: Set<ReplicaID>) {
    self.replica = replica
    self.members = members
  }
}
