import Testing

@testable import Launcher

@Suite("Cuts between members of the bus")
struct CutsTests {
  private static let members = ["a", "b", "c"]

  private func held(_ cuts: Cuts) -> Set<String> {
    var held: Set<String> = []
    for source in Self.members {
      for target in Self.members where source != target && cuts.holds(from: source, to: target) {
        held.insert("\(source)>\(target)")
      }
    }
    return held
  }

  @Test("a member is cut off in both directions, or in one, from all or from some")
  func cut() {
    let cases: [(ControlRequest.Direction, [String]?, Set<String>)] = [
      (.both, nil, ["a>b", "b>a", "a>c", "c>a"]), (.incoming, nil, ["b>a", "c>a"]),
      (.outgoing, nil, ["a>b", "a>c"]), (.both, ["b"], ["a>b", "b>a"]),
      (.outgoing, ["c"], ["a>c"]),
    ]
    for (direction, peers, expected) in cases {
      var cuts = Cuts()
      cuts.cut("a", direction, peers: peers)
      #expect(held(cuts) == expected)
      #expect(cuts.concerns("a"))
      #expect(!cuts.concerns("d"))
    }
  }

  @Test("who is cut off from all is cut off from one that joins later")
  func joining() {
    var cuts = Cuts()
    cuts.cut("a", .incoming, peers: nil)
    #expect(cuts.holds(from: "new", to: "a"))
    #expect(!cuts.holds(from: "a", to: "new"))
  }

  @Test("healing takes back what is cut at a member, or only towards some")
  func heal() {
    var cuts = Cuts()
    cuts.cut("a", .both, peers: nil)
    cuts.cut("b", .outgoing, peers: ["c"])
    var partly = cuts
    partly.heal("a", peers: ["b"], members: Self.members)
    #expect(held(partly) == ["a>c", "c>a", "b>c"])
    cuts.heal("a", peers: nil, members: Self.members)
    #expect(held(cuts) == ["b>c"])
    cuts.healAll()
    #expect(cuts.isEmpty)
  }
}
