import CloudstateModel
import CloudstateProtocol
import Eventing
import Testing

@Suite struct TailPlanTests {
  @Test("What cannot be served is refused with the name of the field")
  func refusals() {
    func expectRefusal(
      of field: String, _ configure: (inout Cloudstate_Streams_TailRequest) -> Void
    ) {
      let error = #expect(throws: TailPlan.Invalid.self) { try tailPlan(configure) }
      #expect(error?.message.hasPrefix("\(field):") == true, "\(field)")
    }
    expectRefusal(of: "subjects") { $0.subjects = ["a..b"] }
    expectRefusal(of: "subjects") { $0.subjects = Array(repeating: "cs.>", count: 65) }
    expectRefusal(of: "cursors") { $0.cursors = [cursor(2, 1)] }
    expectRefusal(of: "last") { $0.last = 10_001 }
    expectRefusal(of: "since_unix_milliseconds") { $0.sinceUnixMilliseconds = -1 }
    expectRefusal(of: "start") { $0.start = .UNRECOGNIZED(9) }
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
