import Testing

@testable import Ingress

@Suite struct AcceptHeaderTests {
  @Test(
    "JSON is preferred where it is named and text is not liked as much",
    arguments: [
      (nil, false), ("", false), ("*/*", false), ("text/plain", false), ("text/html, */*", false),
      ("application/*", false), ("application/json", true), ("Application/JSON", true),
      ("application/json, */*", true), ("application/json, text/plain, */*", true),
      ("text/plain, application/json", false), ("text/plain;q=0.5, application/json", true),
      ("application/json;q=0.5, text/plain", false), ("application/json; q=0", false),
      ("text/*, application/json", false), ("text/html, application/json", true),
      ("application/json;charset=utf-8;q=0.9", true),
    ] as [(String?, Bool)])
  func prefersJSON(header: String?, expected: Bool) {
    #expect(AcceptHeader(header).prefersJSON == expected)
  }

  @Test("Events are wanted where they come first")
  func wantsEvents() {
    #expect(AcceptHeader("text/event-stream").wantsEvents)
    #expect(AcceptHeader("text/event-stream;q=1, */*").wantsEvents)
    #expect(!AcceptHeader("*/*, text/event-stream").wantsEvents)
    #expect(!AcceptHeader(nil).wantsEvents)
  }
}
