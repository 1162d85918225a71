import TestSupport
import Testing

@testable import ReplicatedData

@Suite("Changes that functions ask for")
struct ApplyTests {
  private func refusal(_ copy: Copy, _ delta: FunctionDelta) throws -> ReplicatedDataError.Code? {
    var copy = copy
    let before = copy.value
    do {
      try copy.apply(delta)
      return nil
    } catch let error as ReplicatedDataError {
      #expect(copy.value == before, "a refused change changes nothing")
      return error.code
    }
  }

  @Test("a delta of another type is refused")
  func wrongType() throws {
    for kind in ReplicatedKind.allCases {
      for other in ReplicatedKind.allCases {
        let delta = FunctionValue(emptyOf: other).initialDelta
        let refusal = try refusal(Copy(kind, at: replicas(1)[0]), delta)
        #expect(refusal == (kind == other ? nil : .wrongType))
      }
    }
  }

  @Test("a GCounter's increment is refused where it is negative as a signed number")
  func negative() throws {
    let copy = try copies(.gcounter, 1)[0]
    #expect(try refusal(copy, .gcounter(increment: UInt64(Int64.max))) == nil)
    #expect(try refusal(copy, .gcounter(increment: 1 << 63)) == .negativeIncrement)
  }

  @Test("a flag that the function knows to be on cannot be switched off")
  func flag() throws {
    var copies = try copies(.flag, 2)
    try copies[1].apply(.flag(true))
    copies[0].merge(copies[1])
    #expect(try refusal(copies[0], .flag(false)) == .flagSwitchedOff)
    let unseen = try copies[0].apply(.flag(false), seen: CausalContext())
    #expect(unseen.hasNoChanges, "it was switched on elsewhere meanwhile")
  }

  @Test("one refused entry refuses the whole change of a map")
  func map() throws {
    var copy = try copies(.ormap, 1)[0]
    try copy.apply(
      .ormap(MapDelta(added: [nested("on", .flag(true)), nested("n", .gcounter(increment: 1))])))
    let bad = FunctionDelta.gcounter(increment: .max)
    let inside = FunctionDelta.ormap(MapDelta(added: [nested("deep", bad)]))
    let good = nested("good", .flag(true))
    for map in [
      MapDelta(added: [good, nested("bad", bad)]), MapDelta(added: [good, nested("m", inside)]),
      MapDelta(updated: [nested("n", bad)], added: [good]),
    ] {
      #expect(try refusal(copy, .ormap(map)) == .negativeIncrement)
    }
    let off = nested("on", .flag(false))
    #expect(try refusal(copy, .ormap(MapDelta(updated: [off]))) == .flagSwitchedOff)
    for map in [
      MapDelta(removed: [off.key], updated: [off]), MapDelta(cleared: true, updated: [off]),
      MapDelta(added: [off]), MapDelta(updated: [nested("n", .flag(false))]),
    ] {
      #expect(try refusal(copy, .ormap(map)) == nil)
    }
  }

  @Test("maps lie in each other up to a bound")
  func depth() throws {
    func maps(_ depth: Int) -> FunctionDelta {
      (1..<depth).reduce(FunctionDelta.ormap(MapDelta())) { delta, _ in
        .ormap(MapDelta(added: [nested("k", delta)]))
      }
    }
    let copy = try copies(.ormap, 1)[0]
    #expect(try refusal(copy, maps(ReplicatedLimits.maximumDepth + 1)) == .tooDeep)
    var deep = copy
    try deep.apply(maps(ReplicatedLimits.maximumDepth))
    #expect(try ReplicatedValue(decoding: deep.value.encoded()) == deep.value)
  }

  @Test("a replica that has used up its numbers makes no change, and others go on")
  func numbers() throws {
    let replicas = try replicas(2)
    var context = CausalContext()
    context.insert(Dot(replica: replicas[0], number: Dot.lastChangeableNumber))
    let value = ReplicatedValue(context: context, content: ReplicatedKind.gset.emptyContent)
    var (spent, fresh) = (Copy(.gset, at: replicas[0]), Copy(.gset, at: replicas[1]))
    spent.value = value
    fresh.value = value
    #expect(try refusal(spent, .gset(added: [element("x")])) == .numbersExhausted)
    #expect(try refusal(fresh, .gset(added: [element("x")])) == nil)
  }

  @Test("changes are the same in every run, whatever order Swift's hashing gives")
  func deterministic() throws {
    var copy = try copies(.ormap, 1)[0]
    let names = (0..<20).map(String.init)
    try copy.apply(
      .ormap(MapDelta(added: names.map { nested($0, .gset(added: names.map(element))) })))
    try copy.apply(.ormap(MapDelta(removed: names.prefix(10).map(element))))
    #expect(copy.value.digest == 1_853_948_272_303_354_185)
  }
}
