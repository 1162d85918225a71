import CommandClient
import CommandLineKit
import GRPCTransport
import NIOCore
import Testing

@Suite struct SendPlanTests {
  private func plan(
    _ configure: (inout SendPlan.Arguments) -> Void = { _ in }
  ) throws -> SendPlan {
    var arguments = SendPlan.Arguments()
    arguments.target = "Cart/Add"
    configure(&arguments)
    return try SendPlan(arguments)
  }

  @Test("Bodies: JSON, @file, standard input, or an empty message")
  func bodies() throws {
    #expect(try plan().body == .text("{}"))
    #expect(try plan { $0.body = #"{"a":1}"# }.body == .text(#"{"a":1}"#))
    #expect(try plan { $0.body = "@item.json" }.body == .file("item.json"))
    #expect(try plan { $0.body = "-" }.body == .standardInput)
  }

  @Test("Modes follow from the options")
  func modes() throws {
    #expect(try plan().mode == .single)
    #expect(try plan { $0.lines = true }.mode == .lines(concurrency: 1))
    let load = try plan {
      $0.count = 10
      $0.rate = 5
      $0.duration = .seconds(3)
      $0.concurrency = 4
    }
    #expect(
      load.mode == .load(LoadSchedule(count: 10, rate: 5, duration: .seconds(3)), concurrency: 4))
    #expect(
      try plan { $0.rate = 1 }.mode
        == .load(LoadSchedule(count: nil, rate: 1, duration: nil), concurrency: 16))
  }

  @Test("Keys: retrying implies one, and one key does not serve several commands")
  func keys() throws {
    #expect(try plan().keys == .none)
    #expect(try plan { $0.autoKey = true }.keys == .automatic)
    #expect(try plan { $0.retry = true }.keys == .automatic)
    #expect(try plan { $0.retry = true }.retry.isEnabled)
    let fixed = try plan {
      $0.idempotencyKey = "{{count}}"
      $0.retry = true
    }
    #expect(fixed.keys == .fixed(CommandTemplate(verbatim: "{{count}}")))
    let templated = try plan {
      $0.idempotencyKey = "run-{{count}}"
      $0.template = true
      $0.count = 5
    }
    #expect(templated.keys == .fixed(try CommandTemplate("run-{{count}}")))
  }

  @Test("Header names are lower-cased, values keep their colons")
  func headers() throws {
    let metadata = try plan { $0.headers = ["X-Trace: a:b", "x-trace:c"] }.headers
    #expect(metadata["x-trace"] == "a:b")
  }

  @Test("Outputs")
  func outputs() throws {
    #expect(try plan().output == .text)
    #expect(try plan { $0.raw = true }.output == .raw)
    #expect(try plan { $0.format = .json }.output == .json)
    #expect(try plan { $0.format = .jsonl }.output == .json)
  }

  @Test("Contradictions and nonsense are refused as usage errors")
  func refusals() {
    func expectRefusal(_ what: String, _ configure: (inout SendPlan.Arguments) -> Void) {
      let error = #expect(throws: ProgramError.self, "\(what)") { try plan(configure) }
      #expect(error?.status == .usage, "\(what)")
    }
    expectRefusal("lines and body") { ($0.lines, $0.body) = (true, "{}") }
    expectRefusal("lines and load") { ($0.lines, $0.count) = (true, 2) }
    expectRefusal("events of a load run") { ($0.showEvents, $0.count) = (true, 2) }
    expectRefusal("raw and json") { ($0.raw, $0.format) = (true, .json) }
    expectRefusal("two keys") { ($0.idempotencyKey, $0.autoKey) = ("k", true) }
    expectRefusal("one key for many") { ($0.idempotencyKey, $0.count) = ("k", 2) }
    expectRefusal("one key for many lines") { ($0.idempotencyKey, $0.lines) = ("k", true) }
    expectRefusal("empty key") { $0.idempotencyKey = "" }
    expectRefusal("count 0") { $0.count = 0 }
    expectRefusal("rate 0") { $0.rate = 0 }
    expectRefusal("rate nan") { $0.rate = .nan }
    expectRefusal("duration 0") { $0.duration = .zero }
    expectRefusal("concurrency 0") { ($0.concurrency, $0.count) = (0, 2) }
    expectRefusal("lonely concurrency") { $0.concurrency = 2 }
    expectRefusal("no file") { $0.body = "@" }
    expectRefusal("header without value") { $0.headers = ["x"] }
    expectRefusal("header of gRPC") { $0.headers = ["grpc-timeout: 1S"] }
    expectRefusal("key as header") { $0.headers = ["Idempotency-Key: k"] }
    expectRefusal("line end in header") { $0.headers = ["x: a\nb"] }
  }
}
