import TestSupport
import Testing

@testable import ReplicatedData

@Suite("Stored form")
struct ReplicatedDataFormatTests {
  /// Version 1 must stay readable: if this test has to change, the version has to change too.
  @Test("the layout is the documented one")
  func layout() throws {
    var copies = try copies(.ormap, 2)
    try copies[1].apply(.ormap(MapDelta(added: [nested("k", .pncounter(change: -3))])))
    let lost = try copies[1].apply(.ormap(MapDelta(removed: [element("z")])))
    #expect(lost.hasNoChanges)
    let update = FunctionDelta.ormap(MapDelta(updated: [nested("k", .pncounter(change: 200))]))
    let delta = try copies[1].apply(update)
    #expect(
      delta.encoded() == [
        1, 7,
        // One replica, "b", with its changes 1 (an undone presence) and 3 to 4.
        1, 1, 0x62, 2, 0, 0, 0, 1,
        // One key, "k" of type "t", with one slot: a pncounter with presence 3.
        1, 1, 0x74, 1, 0x6b, 1, 2, 1, 0, 3,
        // One share, number 4, which is the sum of this change alone, 200.
        1, 0, 4, 0, 0x90, 3,
      ])
    try copies[0].apply(.ormap(MapDelta(added: [nested("k", .flag(true))])))
    exchange(&copies)
    #expect(
      copies[0].value.encoded() == [
        1, 7, 2, 1, 0x61, 1, 0, 1, 1, 0x62, 1, 0, 3,
        1, 1, 0x74, 1, 0x6b, 2,
        2, 1, 1, 3, 2, 1, 2, 0, 5, 1, 4, 0, 0x90, 3,
        6, 1, 0, 1, 1, 0, 2,
      ])
    #expect(ReplicatedEntityState.deleted.encoded() == [1, 0])
    #expect(stableDigest(of: Array("foobar".utf8)) == 0x8594_4171_f739_67e8)
  }

  @Test("the other types' layout")
  func otherLayouts() throws {
    // One replica, "a", with its change 1; and one entry in the store.
    let head: [UInt8] = [1, 1, 0x61, 1, 0, 0, 1]
    let cases: [(FunctionDelta, [UInt8])] = [
      (.gcounter(increment: 300), [1, 1] + head + [0, 1, 0, 0xac, 2]),
      (.gset(added: [element("x")]), [1, 3] + head + [1, 0x74, 1, 0x78, 1, 0, 1]),
      (.orset(SetDelta(added: [element("x")])), [1, 4] + head + [1, 0x74, 1, 0x78, 1, 0, 1]),
      (
        .lwwregister(
          RegisterDelta(value: element("x"), clock: .custom, customClockValue: -65)),
        [1, 5] + head + [0, 1, 0x81, 1, 1, 0x74, 1, 0x78]
      ),
      (.flag(true), [1, 6] + head + [0, 1]),
      (.vote(VoteTally(selfVote: true)), [1, 8] + head + [0, 1, 1]),
    ]
    for (delta, bytes) in cases {
      var copy = try copies(delta.kind, 1)[0]
      try copy.apply(delta)
      #expect(copy.value.encoded() == bytes, "\(delta.kind)")
    }
  }

  @Test("decoding is the inverse of encoding", arguments: ReplicatedKind.allCases)
  func inverse(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("form of \(kind)"))
    for _ in 0..<60 {
      let history = try History(kind, steps: 25, &random)
      for value in history.samples + history.deltas + history.copies.map(\.value) {
        let bytes = value.encoded()
        let decoded = try ReplicatedValue(decoding: bytes)
        #expect(decoded == value)
        #expect(decoded.encoded() == bytes)
        #expect(try ReplicatedEntityState(decoding: bytes) == .live(value))
      }
    }
    #expect(try ReplicatedEntityState(decoding: [1, 0]) == .deleted)
  }

  /// A value that damage made into another one is as good as any: it can be used and merged.
  @Test(
    "bytes that no encoder writes are refused or read back as themselves, and never crash",
    arguments: ReplicatedKind.allCases)
  func damage(_ kind: ReplicatedKind) throws {
    var random = ChangeSource(seed: testSeed("damage of \(kind)"))
    var refused = 0
    for _ in 0..<40 {
      let history = try History(kind, steps: 20, &random)
      let original = history.final.encoded()
      for _ in 0..<50 {
        let bytes = damaged(original, &random)
        let value: ReplicatedValue
        do {
          value = try ReplicatedValue(decoding: bytes)
        } catch {
          refused += 1
          continue
        }
        #expect(value.encoded() == bytes)
        guard value.kind == kind else { continue }
        var copy = history.copies[0]
        copy.value.merge(value)
        copy.value.merge(history.final)
        _ = try? copy.apply(random.change(of: kind, holding: copy.plain()))
        #expect(try ReplicatedValue(decoding: copy.value.encoded()) == copy.value)
      }
    }
    #expect(refused > 500)
  }

  private func damaged(_ bytes: [UInt8], _ random: inout ChangeSource) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.below(3) where !bytes.isEmpty {
      let index = random.below(bytes.count)
      switch random.below(5) {
      case 0: bytes.removeLast(random.below(bytes.count))
      case 1: bytes[index] ^= 1 << UInt8(random.below(8))
      case 2: bytes[index] = random.pick([0, 1, 0x7f, 0x80, 0xff])
      case 3: bytes.insert(UInt8(random.below(256)), at: index)
      default: bytes.remove(at: index)
      }
    }
    return bytes
  }

  @Test("every shorter form of a value is cut off")
  func truncation() throws {
    var random = ChangeSource(seed: testSeed("truncation"))
    for kind in ReplicatedKind.allCases {
      let bytes = try History(kind, steps: 25, &random).final.encoded()
      for length in 0..<bytes.count {
        #expect(throws: ReplicatedDataFormatError.truncated) {
          try ReplicatedValue(decoding: Array(bytes[..<length]))
        }
      }
      #expect(throws: ReplicatedDataFormatError.malformed("bytes behind its end")) {
        try ReplicatedValue(decoding: bytes + [0])
      }
    }
  }

  @Test("each invariant is checked")
  func invariants() {
    let head: [UInt8] = [1, 6, 1, 1, 0x61, 1, 0]
    let cases: [([UInt8], ReplicatedDataFormatError)] = [
      ([2, 6, 0, 0], .unsupportedVersion(2)),
      ([1, 9, 0, 0], .malformed("a value of unknown type 9")),
      ([1, 0], .malformed("a deleted entity in place of a value")),
      ([1, 6, 0x80, 0, 0], .malformed("a number in a longer form")),
      ([1, 6] + [UInt8](repeating: 0xff, count: 9) + [2], .malformed("a number above 64 bits")),
      ([1, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], .truncated),
      ([1, 6, 1, 0, 1, 0, 0, 0], .malformed("an illegal replica name")),
      ([1, 6, 1, 1, 0xff, 1, 0, 0, 0], .malformed("a text that is not UTF-8")),
      (
        [1, 6, 2, 1, 0x62, 1, 0, 0, 1, 0x61, 1, 0, 0, 0],
        .malformed("replicas out of order")
      ),
      ([1, 6, 1, 1, 0x61, 0, 0], .malformed("a replica without changes")),
      (
        head + [UInt8](repeating: 0xff, count: 8) + [0x7f, 0],
        .malformed("a change number above its bound")
      ),
      (
        head + [UInt8](repeating: 0xff, count: 9) + [1, 0],
        .malformed("a change number above its bound")
      ),
      (head + [1, 1, 1, 1], .malformed("a change of no replica")),
      (head + [1, 1, 0, 3], .malformed("a change that its context misses")),
      (head + [1, 1, 0, 0], .malformed("a change that its context misses")),
      (head + [1, 2, 0, 2, 0, 1], .malformed("changes out of order")),
      (head + [1, 2, 0, 1, 0, 1], .malformed("a change in two places")),
      (
        [1, 1] + head[2...] + [1, 1, 0, 2, 2, 5],
        .malformed("a share that starts before the first change")
      ),
      ([1, 8] + head[2...] + [1, 1, 0, 1, 2], .malformed("a vote that is neither yes nor no")),
      ([1, 4] + head[2...] + [1, 1, 0, 0, 0], .malformed("an element without a change")),
      (
        [1, 4] + head[2...] + [1, 2, 0, 1, 9, 1, 0, 1, 0, 1, 8, 1, 0, 2],
        .malformed("elements out of order")
      ),
      ([1, 7] + head[2...] + [1, 1, 0, 0, 0], .malformed("a key without a value")),
      ([1, 7] + head[2...] + [1, 1, 0, 0, 1, 6, 0, 0], .malformed("a key without a change")),
      (
        [1, 7] + head[2...] + [1, 1, 0, 0, 2, 6, 1, 0, 1, 0, 6, 1, 0, 2, 0],
        .malformed("types out of order")
      ),
    ]
    for (bytes, error) in cases {
      #expect(throws: error) { try ReplicatedValue(decoding: bytes) }
    }
  }

  @Test("maps in maps are read up to a bound, and no deeper")
  func depth() throws {
    func maps(_ depth: Int) -> [UInt8] {
      var writer = ByteWriter(replicas: [])
      writer.append(number: UInt64(depth))
      var bytes: [UInt8] = [1, 7, 1, 1, 0x61, 1, 0] + writer.bytes
      for number in 1..<depth {
        var writer = ByteWriter(replicas: [])
        writer.append(number: UInt64(number))
        bytes += [1, 0, 0, 1, 7, 1, 0] + writer.bytes
      }
      return bytes + [0]
    }
    let deepest = try ReplicatedValue(decoding: maps(ReplicatedLimits.maximumDepth))
    #expect(deepest.encoded() == maps(ReplicatedLimits.maximumDepth))
    for depth in [ReplicatedLimits.maximumDepth + 1, 100_000] {
      #expect(throws: ReplicatedDataFormatError.tooDeep) {
        try ReplicatedValue(decoding: maps(depth))
      }
    }
  }
}
