import ReplicatedData
import Testing

@Suite("Votes")
struct VoteTests {
  private func vote(_ isYes: Bool) -> FunctionDelta { .vote(VoteTally(selfVote: isYes)) }

  @Test("every member counts, and is against until it says otherwise")
  func tally() throws {
    var copies = try copies(.vote, 3)
    let members = copies.map(\.replica)
    try copies[0].apply(vote(true))
    try copies[1].apply(vote(true))
    try copies[2].apply(vote(false))
    exchange(&copies)
    #expect(
      copies[0].plain(members: members)
        == .vote(VoteTally(selfVote: true, votesFor: 2, totalVoters: 3)))
    #expect(
      copies[2].plain(members: members)
        == .vote(VoteTally(selfVote: false, votesFor: 2, totalVoters: 3)))
  }

  @Test("a member may change its mind, and its last word counts in whatever order they arrive")
  func changes() throws {
    var copies = try copies(.vote, 2)
    let members = copies.map(\.replica)
    let deltas = try [true, false, true, false].map { try copies[0].apply(vote($0)) }
    let expected = FunctionValue.vote(VoteTally(selfVote: false, votesFor: 0, totalVoters: 2))
    for delta in deltas.reversed() {
      copies[1].value.merge(delta)
      #expect(copies[1].plain(members: members) == expected)
    }
    copies[1].value = ReplicatedValue(.vote)
    copies[1].value.merge(deltas[3])
    copies[1].value.merge(deltas[0])
    #expect(copies[1].plain(members: members) == expected, "the deltas between are missing")
    let repeated = try copies[0].apply(vote(false))
    #expect(repeated.hasNoChanges)
  }

  @Test("only members count, and one that comes back brings its vote with it")
  func membership() throws {
    var copies = try copies(.vote, 3)
    let all = copies.map(\.replica)
    for index in 0..<2 { try copies[index].apply(vote(true)) }
    exchange(&copies)
    func tally(_ members: [ReplicaID]) -> FunctionValue { copies[0].plain(members: members) }
    #expect(tally([all[0]]) == .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 1)))
    #expect(
      tally([all[0], all[2]]) == .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 2)))
    #expect(tally(all) == .vote(VoteTally(selfVote: true, votesFor: 2, totalVoters: 3)))
    #expect(
      tally([all[1], all[2]]) == .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 2)),
      "one that is not a member has its own vote, which does not count")
  }

  @Test("a function hears of a change of members alone")
  func membersOnly() throws {
    var copy = try copies(.vote, 1)[0]
    let others = try replicas(3)
    try copy.apply(vote(true))
    var mirror = FunctionMirror()
    var electorate = Electorate(replica: copy.replica, members: [copy.replica])
    #expect(
      try mirror.catchUp(with: copy.value, in: electorate)
        == .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 1)))
    electorate.members = Set(others)
    #expect(
      try mirror.catchUp(with: copy.value, in: electorate)
        == .vote(VoteTally(selfVote: true, votesFor: 1, totalVoters: 3)))
    #expect(try mirror.catchUp(with: copy.value, in: electorate) == nil)
  }
}
