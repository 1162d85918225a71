import ReplicatedData
import TestSupport
import Testing

@Suite("Registers")
struct LWWRegisterTests {
  private func write(
    _ text: String, _ clock: RegisterClock = .system, at value: Int64 = 0
  ) -> FunctionDelta {
    .lwwregister(RegisterDelta(value: element(text), clock: clock, customClockValue: value))
  }

  private func holds(_ copy: Copy, _ text: String) -> Bool {
    copy.plain() == .lwwregister(element(text))
  }

  /// The vectors of proxy behaviour, section 9.4, each with the value that stays.
  @Test(
    "a write counts if its timestamp is higher",
    arguments: [
      (RegisterClock.system, Int64(0), RegisterClock.system, Int64(0), "new"),
      (.system, 0, .reverse, 0, "old"),
      (.reverse, 0, .system, 0, "new"),
      (.reverse, 0, .reverse, 0, "old"),
      (.custom, 2000, .custom, 1000, "old"),
      (.custom, 1000, .custom, 2000, "new"),
      (.custom, 1000, .custom, 1000, "old"),
      (.customAutoIncrement, 2000, .customAutoIncrement, 1000, "new"),
      (.custom, .max, .customAutoIncrement, 1000, "old"),
      (.custom, .max, .system, 0, "old"),
      (.custom, .min, .reverse, 0, "old"),
    ])
  func clocks(
    _ first: RegisterClock, _ firstValue: Int64, _ second: RegisterClock, _ secondValue: Int64,
    _ expected: String
  ) throws {
    var copy = try copies(.lwwregister, 1)[0]
    try copy.apply(write("old", first, at: firstValue))
    let delta = try copy.apply(write("new", second, at: secondValue))
    #expect(holds(copy, expected))
    #expect(delta.hasNoChanges == (expected == "old"))
  }

  @Test("the system clock passes the last timestamp even when it runs behind")
  func behind() throws {
    var copies = try copies(.lwwregister, 2)
    copies[1].now = 5000
    try copies[1].apply(write("ahead"))
    exchange(&copies)
    copies[0].now = 10
    try copies[0].apply(write("behind"))
    exchange(&copies)
    #expect(copies.allSatisfy { holds($0, "behind") })
  }

  @Test("auto increment is one above the last timestamp, and the value itself where that is higher")
  func autoIncrement() throws {
    var copies = try copies(.lwwregister, 3)
    try copies[0].apply(write("old", .customAutoIncrement, at: 50))
    copies[1].merge(copies[0])
    copies[2].merge(copies[0])
    try copies[1].apply(write("incremented", .customAutoIncrement, at: 7))
    try copies[2].apply(write("at 51", .custom, at: 51))
    exchange(&copies)
    #expect(copies.allSatisfy { holds($0, "incremented") }, "a tie goes to the lower replica")
    try copies[2].apply(write("at 52", .custom, at: 52))
    exchange(&copies)
    #expect(copies.allSatisfy { holds($0, "at 52") })
  }

  @Test("a tie goes to the lower replica, also when that is the one that writes second")
  func ties() throws {
    var copies = try copies(.lwwregister, 2)
    try copies[0].apply(write("a", .custom, at: 5))
    try copies[1].apply(write("b", .custom, at: 5))
    exchange(&copies)
    #expect(copies.allSatisfy { holds($0, "a") })

    try copies[1].apply(write("b", .custom, at: 6))
    exchange(&copies)
    try copies[0].apply(write("a", .custom, at: 6))
    exchange(&copies)
    #expect(copies.allSatisfy { holds($0, "a") })
  }

  @Test("an unwritten register holds an empty element")
  func unwritten() throws {
    let copy = try copies(.lwwregister, 1)[0]
    #expect(copy.plain() == .lwwregister(.empty))
  }

  /// The model: the highest write by (timestamp, lower replica) of all writes known.
  @Test("of writes with timestamps of their own the highest counts")
  func model() throws {
    var random = ChangeSource(seed: testSeed("model of lwwregister"))
    for _ in 0..<200 {
      var copies = try copies(.lwwregister, 3)
      var known = [[String: (timestamp: Int64, rank: Int)]](repeating: [:], count: 3)
      var written = 0
      for _ in 0..<20 {
        let (index, other) = (random.below(3), random.below(3))
        if random.chance(50) {
          let timestamp = Int64(random.below(6))
          let isRepeated = known[index].values.contains { $0 == (timestamp, -index) }
          guard !isRepeated else { continue }
          written += 1
          try copies[index].apply(write("\(written)", .custom, at: timestamp))
          known[index]["\(written)"] = (timestamp, -index)
        } else {
          copies[index].merge(copies[other])
          known[index].merge(known[other]) { mine, _ in mine }
        }
        let best = known[index].max { $0.value < $1.value }
        #expect(copies[index].plain() == .lwwregister(best.map { element($0.key) } ?? .empty))
      }
    }
  }
}
