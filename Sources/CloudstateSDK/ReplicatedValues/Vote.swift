import CloudstateProtocol

/// A vote of the nodes, one each: how many say yes. A node that has not voted, says no.
public struct Vote: StartsEmpty {
  /// What this node says.
  public private(set) var selfVote = false

  /// How many nodes say yes, with this one.
  public private(set) var votesFor = 0

  /// How many nodes vote, with this one.
  public private(set) var totalVoters = 1

  private var knownVote = false

  /// No from the only node.
  public init() {}

  /// Whether one node at least says yes.
  public var isAtLeastOne: Bool { votesFor > 0 }

  /// Whether more than half of the nodes say yes.
  public var isMajority: Bool { votesFor > totalVoters / 2 }

  /// Whether all nodes say yes.
  public var isUnanimous: Bool { votesFor == totalVoters }

  /// Lets this node say yes or no.
  public mutating func vote(_ vote: Bool) {
    guard vote != selfVote else { return }
    selfVote = vote
    votesFor = vote ? votesFor + 1 : max(votesFor - 1, 0)
  }

  /// The difference of the value from an empty one.
  public func whole() -> ReplicatedDelta { delta() }

  /// What changed since the value was last settled.
  public func change() -> ReplicatedDelta? { selfVote == knownVote ? nil : delta() }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    guard case .vote(let change) = delta.message.delta else {
      throw delta.mismatch(with: "a Vote")
    }
    selfVote = change.selfVote
    votesFor = Int(max(change.votesFor, 0))
    totalVoters = Int(max(change.totalVoters, 1))
    knownVote = selfVote
  }

  /// What changed is known to the sidecar.
  public mutating func settle() { knownVote = selfVote }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() { vote(knownVote) }

  /// Only a sidecar says how others vote.
  private func delta() -> ReplicatedDelta {
    var change = Cloudstate_Crdt_VoteDelta()
    change.selfVote = selfVote
    return ReplicatedDelta(.vote(change))
  }
}
