import Testing

@testable import Ingress

@Suite("Targets of requests")
struct RequestTargetTests {
  @Test(
    "are taken apart by bytes, whatever stands behind a delimiter",
    arguments: [
      ("/a?b=c&d=e#f", "/a", ["b=c", "d=e"]),
      ("HTTP://host:1/a?b=c", "/a", ["b=c"]),
      ("https://host", "/", []),
      ("*", "*", []),
      // U+0301 combines with the character before it.
      ("/a?\u{301}b=\u{301}c&\u{301}d=e", "/a", ["\u{301}b=\u{301}c", "\u{301}d=e"]),
      ("/a#\u{301}b?c=d", "/a", []),
    ])
  func parts(target: String, path: String, parameters: [String]) throws {
    let parsed = RequestTarget(target)
    #expect(parsed.pathText.utf8.elementsEqual(path.utf8))
    let found = try parsed.parameters().map { "\($0.name)=\($0.value)" }
    #expect(found.map { Array($0.utf8) } == parameters.map { Array($0.utf8) })
  }
}
