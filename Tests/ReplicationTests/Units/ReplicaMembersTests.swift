import CloudstateModel
import ReplicatedData
import Testing

@testable import Replication

@Suite("The members of a service")
struct ReplicaMembersTests {
  private let own: ReplicaID
  private let b: NodeID
  private let c: NodeID

  init() throws {
    own = try #require(ReplicaID("a/1"))
    b = try #require(NodeID("b"))
    c = try #require(NodeID("c"))
  }

  private func peer(_ node: NodeID, _ incarnation: UInt64 = 1) -> ReplicaMembers.Peer {
    ReplicaMembers.Peer(node: node, incarnation: incarnation, isAlive: true)
  }

  @Test("nodes that are new or have restarted are fresh")
  func fresh() {
    var members = ReplicaMembers(replica: own)
    let views = [
      [peer(c), peer(b)], [peer(b), peer(c)], [peer(b, 2), peer(c)], [peer(c)],
      [peer(b, 2), peer(c)],
    ]
    let fresh = views.map { members.become($0) }
    #expect(fresh == [[b, c], [], [b], [], [b]])
    #expect(members.peers.map(\.node) == [b, c])
  }

  @Test("a member votes under the name it tells, and until then as someone who has not voted")
  func names() throws {
    var members = ReplicaMembers(replica: own)
    #expect(members.electorate == Electorate(replica: own, members: [own]))
    _ = members.become([peer(b), peer(c)])
    #expect(members.electorate.members.count == 3)
    let name = try #require(ReplicaID("b/7"))
    let news = [members.learn(name, of: b), members.learn(name, of: b)]
    #expect(news == [true, false])
    #expect(members.electorate.members == [own, name, ReplicaIdentity.unnamed(c)])
    let renamed = try #require(ReplicaID("b/8"))
    let isNews = members.learn(renamed, of: b)
    #expect(isNews, "it has another store")
    #expect(members.electorate.members.contains(renamed))
    _ = members.become([peer(c)])
    let isLate = members.learn(name, of: b)
    #expect(!isLate, "no member any more")
    #expect(members.electorate.members == [own, ReplicaIdentity.unnamed(c)])
    _ = members.become([peer(b), peer(c)])
    #expect(!members.electorate.members.contains(renamed), "names are told anew")
  }

  @Test(
    "how many others confirm", arguments: [(0, 0, 0), (1, 1, 1), (2, 1, 2), (3, 2, 3), (4, 2, 4)])
  func confirmations(others: Int, majority: Int, all: Int) throws {
    var members = ReplicaMembers(replica: own)
    _ = members.become(try (0..<others).map { peer(try #require(NodeID("n\($0)"))) })
    #expect(members.confirmations(for: .local) == 0)
    #expect(members.confirmations(for: .majority) == majority)
    #expect(members.confirmations(for: .all) == all)
  }
}
