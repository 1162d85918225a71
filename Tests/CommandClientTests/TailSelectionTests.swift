import CloudstateModel
import CloudstateProtocol
import CommandClient
import CommandLineKit
import Testing

@Suite struct TailSelectionTests {
  private let now = Timestamp(unixMilliseconds: 1_000_000)

  private func selection(
    _ configure: (inout TailSelection.Arguments) -> Void = { _ in }
  ) throws -> TailSelection {
    var arguments = TailSelection.Arguments()
    configure(&arguments)
    return try TailSelection(arguments, now: now)
  }

  @Test("Subjects and entities become patterns")
  func patterns() throws {
    #expect(try selection().patterns == [])
    let texts = try selection {
      $0.subjects = ["cs.evt.cart.>", "evt.cart.*.user1.*", ">"]
      $0.entities = ["user1", "carts/a.b/c"]
    }.patterns.map(\.text)
    #expect(
      texts == [
        "cs.evt.cart.>", "cs.evt.cart.*.user1.*", ">", "cs.evt.*.*.user1.*",
        "cs.evt.*.carts.a%2Eb/c.*",
      ])
  }

  @Test("Where a tail begins")
  func starts() throws {
    #expect(try selection().start == .new)
    #expect(try selection { $0.all = true }.start == .all)
    #expect(try selection { $0.last = 5 }.start == .last(5))
    #expect(
      try selection { $0.since = .seconds(10) }.start
        == .since(Timestamp(unixMilliseconds: 990_000)))
    #expect(
      try selection { $0.since = .seconds(1_000_000) }.start
        == .since(Timestamp(unixMilliseconds: 1)))
    #expect(
      try selection { $0.sinceTime = "1970-01-01T00:00:10.5Z" }.start
        == .since(Timestamp(unixMilliseconds: 10_500)))
    // The position named is the first one shown.
    #expect(try selection { $0.from = ["3:42", "0:1"] }.cursors == [3: 41, 0: 0])
  }

  @Test("Contradictions and nonsense are refused as usage errors")
  func refusals() {
    func expectRefusal(_ what: String, _ configure: (inout TailSelection.Arguments) -> Void) {
      let error = #expect(throws: ProgramError.self, "\(what)") { try selection(configure) }
      #expect(error?.status == .usage, "\(what)")
    }
    expectRefusal("two starts") { ($0.all, $0.last) = (true, 1) }
    expectRefusal("two times") { ($0.since, $0.sinceTime) = (.seconds(1), "1970-01-01T00:00:00Z") }
    expectRefusal("none of the last") { $0.last = 0 }
    expectRefusal("bad subject") { $0.subjects = ["a..b"] }
    expectRefusal("no entity") { $0.entities = ["carts/"] }
    expectRefusal("no kind") { $0.entities = ["/user1"] }
    expectRefusal("bad time") { $0.sinceTime = "yesterday" }
    for text in ["3", "3:", "a:1", "3:0", "3:1:2"] {
      expectRefusal(text) { $0.from = [text] }
    }
    expectRefusal("shard twice") { $0.from = ["1:1", "1:2"] }
  }

  @Test(
    "A connection that continues passes its cursors, and the time of the beginning for the rest")
  func requests() throws {
    let new = try selection { $0.subjects = ["cs.>"] }
    let first = new.request(after: TailCursor(), isResumed: false, startedAt: now)
    #expect(first.start == .new)
    #expect(first.sinceUnixMilliseconds == 0)
    #expect(first.subjects == ["cs.>"])
    let again = new.request(
      after: TailCursor(complete: [2: 7]), isResumed: true, startedAt: now)
    #expect(again.sinceUnixMilliseconds == 1_000_000)
    #expect(again.cursors.map(\.shard) == [2])
    #expect(again.cursors.map(\.position) == [7])
    let last = try selection { $0.last = 4 }
    #expect(last.request(after: TailCursor(), isResumed: false, startedAt: now).last == 4)
    #expect(last.request(after: TailCursor(), isResumed: true, startedAt: now).last == 0)
    let all = try selection { $0.all = true }
    #expect(all.request(after: TailCursor(), isResumed: true, startedAt: now).start == .all)
  }
}
