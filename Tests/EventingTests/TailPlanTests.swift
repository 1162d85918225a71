import CloudstateModel
import CloudstateProtocol
import Eventing
import Testing

@Suite struct TailPlanTests {
  @Test("What cannot be served is refused with the name of the field", arguments: [
    ("subjects", { (request: inout Cloudstate_Streams_TailRequest) in request.subjects = ["a..b"] }),
    ("subjects", { $0.subjects = Array(repeating: "cs.>", count: 65) }),
    ("cursors", { $0.cursors = [cursor(2, 1)] }),
    ("last", { $0.last = 10_001 }),
    ("since_unix_milliseconds", { $0.sinceUnixMilliseconds = -1 }),
    ("start", { $0.start = .UNRECOGNIZED(9) }),
  ] as [(String, @Sendable (inout Cloudstate_Streams_TailRequest) -> Void)])
  func refusals(
    field: String, configure: @Sendable (inout Cloudstate_Streams_TailRequest) -> Void
  ) {
    let error = #expect(throws: TailPlan.Invalid.self) { try tailPlan(configure) }
    #expect(error?.message.hasPrefix("\(field):") == true)
  }

  @Test("last overrides since, and since overrides start")
  func precedence() throws {
    #expect(try tailPlan().start == .new)
    #expect(try tailPlan { $0.start = .all }.start == .all)
    let since = try tailPlan {
      $0.start = .all
      $0.sinceUnixMilliseconds = 7
    }
    #expect(since.start == .since(Timestamp(unixMilliseconds: 7)))
    let last = try tailPlan {
      $0.sinceUnixMilliseconds = 7
      $0.last = 3
    }
    #expect(last.start == .last(3))
  }
}
