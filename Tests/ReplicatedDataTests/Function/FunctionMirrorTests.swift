import ReplicatedData
import TestSupport
import Testing

@Suite("A function's copy and the replicated value stay in step")
struct FunctionMirrorTests {
  /// A replica with its function. The function knows only what it is told and what it does itself.
  private struct Node {
    var copy: Copy
    var mirror = FunctionMirror()
    var function: FunctionValue?

    var kind: ReplicatedKind { copy.value.kind }

    mutating func change(_ random: inout ChangeSource) throws -> ReplicatedValue {
      let delta = random.change(of: kind, holding: function)
      var held = function ?? FunctionValue(emptyOf: kind)
      held.applyOwn(delta)
      function = held
      let change = try copy.apply(delta, seen: mirror.seen)
      mirror.record(delta, change: change)
      return change
    }

    /// Answers whether there was something to tell.
    mutating func settle(_ members: Set<ReplicaID>) throws -> Bool {
      let electorate = Electorate(replica: copy.replica, members: members)
      let delta = try mirror.catchUp(with: copy.value, in: electorate)
      if let delta {
        var held = function ?? FunctionValue(emptyOf: kind)
        held.apply(delta)
        function = held
      }
      #expect(function == copy.value.functionValue(in: electorate))
      #expect(mirror.value == function)
      return delta != nil
    }
  }

  @Test("whatever comes in while the function changes its copy", arguments: ReplicatedKind.allCases)
  func crossing(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("mirror of \(kind)"))
    for _ in 0..<60 {
      let all = try replicas(4)
      var members = Set(all.prefix(3))
      var nodes = all.prefix(3).map { Node(copy: Copy(kind, at: $0)) }
      var deltas: [ReplicatedValue] = []
      for step in 0..<40 {
        let index = random.below(3)
        nodes[index].copy.now = Int64(1000 + step)
        switch random.below(10) {
        case 0..<4: deltas.append(try nodes[index].change(&random))
        case 4..<6 where !deltas.isEmpty: nodes[index].copy.value.merge(random.pick(deltas))
        case 6: nodes[index].copy.merge(nodes[random.below(3)].copy)
        case 7: members = Set(all.filter { _ in random.chance(70) })
        default: _ = try nodes[index].settle(members)
        }
      }
      for index in nodes.indices {
        _ = try nodes[index].settle(members)
        let repeated = try nodes[index].settle(members)
        #expect(!repeated, "it is told once")
      }
    }
  }

  @Test("a function does not hear its own changes", arguments: ReplicatedKind.allCases)
  func echo(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("echo of \(kind)"))
    // Writes with the other clocks may lose against earlier ones, and then there is something to tell.
    random.clocks = [.system, .customAutoIncrement]
    // A vote that the function has just put into a map knows nothing of the members yet.
    random.entryKinds.removeAll { $0 == .vote }
    let all = try replicas(2)
    for _ in 0..<60 {
      var node = Node(copy: Copy(kind, at: all[0]))
      _ = try node.settle(Set(all))
      for _ in 0..<20 {
        for _ in 0...random.below(3) { _ = try node.change(&random) }
        let told = try node.settle(Set(all))
        #expect(!told)
      }
    }
  }

  @Test("a function removes what it was told of, and not what came in meanwhile")
  func meanwhile() throws {
    var copies = try copies(.orset, 2)
    let electorate = Electorate(replica: copies[0].replica, members: [])
    var mirror = FunctionMirror()
    try copies[1].apply(.orset(SetDelta(added: [element("told")])))
    copies[0].merge(copies[1])
    _ = try mirror.catchUp(with: copies[0].value, in: electorate)
    try copies[1].apply(.orset(SetDelta(added: [element("meanwhile")])))
    copies[0].merge(copies[1])
    let delta = FunctionDelta.orset(SetDelta(cleared: true))
    mirror.record(delta, change: try copies[0].apply(delta, seen: mirror.seen))
    #expect(copies[0].plain() == .orset(elements("meanwhile")))
    #expect(
      try mirror.catchUp(with: copies[0].value, in: electorate)
        == .orset(SetDelta(added: [element("meanwhile")])))
  }

  @Test("a register whose write lost is put back")
  func lostWrite() throws {
    let electorate = Electorate(replica: try replicas(1)[0], members: [])
    var copy = Copy(.lwwregister, at: electorate.replica)
    var mirror = FunctionMirror()
    for (text, clock) in [("old", RegisterClock.system), ("new", .reverse)] {
      let delta = FunctionDelta.lwwregister(RegisterDelta(value: element(text), clock: clock))
      mirror.record(delta, change: try copy.apply(delta, seen: mirror.seen))
    }
    #expect(mirror.value == .lwwregister(element("new")))
    #expect(
      try mirror.catchUp(with: copy.value, in: electorate)
        == .lwwregister(RegisterDelta(value: element("old"))))
  }

  @Test("a change of type cannot be told and leaves the mirror as it was")
  func incompatible() throws {
    let electorate = Electorate(replica: try replicas(1)[0], members: [])
    var mirror = FunctionMirror()
    #expect(
      try mirror.catchUp(with: ReplicatedValue(.orset), in: electorate) == .orset(SetDelta()),
      "an empty value is told too")
    let before = mirror
    #expect(throws: IncompatibleChange.self) {
      try mirror.catchUp(with: ReplicatedValue(.gset), in: electorate)
    }
    #expect(mirror == before)
  }
}
