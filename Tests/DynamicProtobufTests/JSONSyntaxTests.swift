import Testing

@testable import DynamicProtobuf

@Suite("JSON by the letter")
struct JSONSyntaxTests {
  @Test(
    "legal texts",
    arguments: [
      "{}", " [ ] ", "0", "-0.5e+10", "1E9", #""\u00e4\n\/""#, "true", "false", "null",
      "{\"a\":[1,{\"a\":\"ä\"}],\r\n\t\"b\":{}}",
    ])
  func legal(text: String) throws {
    try JSONSyntax.check(text)
  }

  @Test(
    "illegal texts are named with line and column",
    arguments: [
      ("", "line 1, column 1: expected a JSON value, but the text ends here"),
      ("{\n  'a': 1}", "line 2, column 3: expected a name in double quotes"),
      ("{a:1}", "line 1, column 2: expected a name in double quotes"),
      (#"{"a":1,}"#, "line 1, column 8: expected a name in double quotes"),
      (#"{"a" 1}"#, "line 1, column 6: expected ':' after the name"),
      (#"{"a":1 "b":2}"#, "line 1, column 8: expected ',' or '}'"),
      (#"{"a":1,"a":2}"#, #"line 1, column 8: the name "a" stands twice in one object"#),
      ("[1,]", "line 1, column 4: expected a JSON value"),
      ("[1 2]", "line 1, column 4: expected ',' or ']'"),
      ("{} x", "line 1, column 4: expected the end after the JSON value"),
      ("01", "line 1, column 2: expected the end after the JSON value"),
      ("-", "line 1, column 2: expected a digit, but the text ends here"),
      ("1.", "line 1, column 3: expected a digit, but the text ends here"),
      ("truth", "line 1, column 1: expected a JSON value"),
      (#""a"#, "line 1, column 3: expected '\"', but the text ends here"),
      (#""\x""#, "line 1, column 3: unknown escape in a string"),
      (#""\u12g4""#, "line 1, column 6: expected four hexadecimal digits after \\u"),
      ("\"\n\"", "line 1, column 2: a control character in a string must be escaped"),
    ])
  func illegal(text: String, expected: String) {
    let error = #expect(throws: TranscodingError.self) { try JSONSyntax.check(text) }
    #expect(error == TranscodingError(.invalidJSON, expected))
  }

  @Test("deep nesting is refused before the stack ends")
  func deep() throws {
    try JSONSyntax.check(String(repeating: "[", count: 100) + String(repeating: "]", count: 100))
    let error = #expect(throws: TranscodingError.self) {
      try JSONSyntax.check(String(repeating: "[", count: 1_000_000))
    }
    #expect(error?.message == "line 1, column 102: nested too deeply")
  }

  @Test("the nearest name is a small mistake away, or none")
  func nearest() {
    #expect(nearestName(to: "quantiti", among: ["name", "quantity"]) == "quantity")
    #expect(nearestName(to: "UserID", among: ["user_id", "userId"]) == "userId")
    #expect(nearestName(to: "abc", among: ["xyz"]) == nil)
    #expect(nearestName(to: String(repeating: "a", count: 1000), among: ["a"]) == nil)
  }
}
