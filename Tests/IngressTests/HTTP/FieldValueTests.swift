import Testing

/// The text of every kind of field in paths and queries (proxy behaviour, section 12.4).
@Suite struct FieldValueTests {
  private static let scalars = [
    "number", "flag", "ratio", "raw", "big", "signed", "product_id", "small", "fixed", "word",
    "long",
    "uword", "ufixed", "sword", "slong",
  ]

  private let fixture: HTTPFixture

  init() throws {
    fixture = try HTTPFixture(
      all: [.init("Get", rule(get: "/get/{id}"))]
        + Self.scalars.map { .init("Path_\($0)", rule(get: "/\($0)/{id}/{\($0)}")) })
  }

  /// Field, its text, and its member of the message's JSON; `nil` where the text is none of it.
  private static let scalarTexts: [(String, String, String?)] = [
    // int32, and its like.
    ("number", "-5", #""number":-5"#), ("number", "2147483647", #""number":2147483647"#),
    ("number", "2147483648", nil), ("number", "1.0", nil), ("number", "0x1", nil),
    ("number", "", nil),
    ("number", "x", nil), ("number", "1e3", nil), ("number", "%201", nil),
    ("signed", "-2147483648", #""signed":-2147483648"#), ("signed", "2147483648", nil),
    ("sword", "-3", #""sword":-3"#), ("sword", "-2147483649", nil),
    // uint32 and fixed32, which are no signed numbers.
    ("uword", "4294967295", #""uword":4294967295"#), ("uword", "-1", nil),
    ("uword", "4294967296", nil), ("word", "4294967295", #""word":4294967295"#),
    ("word", "-1", nil),
    // int64, and its like.
    ("long", "-9223372036854775808", #""long":"-9223372036854775808""#),
    ("long", "9223372036854775808", nil), ("slong", "-9", #""slong":"-9""#), ("slong", "a", nil),
    ("fixed", "-9", #""fixed":"-9""#), ("fixed", "9223372036854775808", nil),
    ("big", "18446744073709551615", #""big":"18446744073709551615""#), ("big", "-1", nil),
    ("big", "18446744073709551616", nil),
    ("ufixed", "18446744073709551615", #""ufixed":"18446744073709551615""#), ("ufixed", "-1", nil),
    // bool in any case.
    ("flag", "true", #""flag":true"#), ("flag", "TRUE", #""flag":true"#), ("flag", "False", ""),
    ("flag", "1", nil), ("flag", "yes", nil), ("flag", "", nil),
    // Decimals, and the three words of JSON.
    ("ratio", "1.5e3", #""ratio":1500"#), ("ratio", "-0.25", #""ratio":-0.25"#),
    ("ratio", "NaN", #""ratio":"NaN""#), ("ratio", "-Infinity", #""ratio":"-Infinity""#),
    ("ratio", "0x1p3", nil), ("ratio", "1e999", nil), ("ratio", "inf", nil), ("ratio", "", nil),
    ("small", "0.5", #""small":0.5"#), ("small", "Infinity", #""small":"Infinity""#),
    ("small", "1e99", nil),
    // Text as it is; base64 of both alphabets.
    ("product_id", "a%2Fb", #""productId":"a/b""#), ("product_id", "%C3%A4", #""productId":"ä""#),
    ("product_id", "", ""), ("raw", "AP8", #""raw":"AP8=""#), ("raw", "AP8%3D", #""raw":"AP8=""#),
    ("raw", "_-8%3D", #""raw":"/+8=""#), ("raw", "%2F%2B8", #""raw":"/+8=""#), ("raw", "a", nil),
  ]

  @Test("Scalars, in a path as in a query", arguments: scalarTexts)
  func scalars(field: String, text: String, member: String?) throws {
    for target in ["/get/a?\(field)=\(text)", "/\(field)/a/\(text)"] {
      let (exchange, _) = fixture.send("GET", target)
      guard let member else {
        #expect(exchange.status == 400, "\(target)")
        #expect(exchange.body.contains("is no "), "\(exchange.body)")
        #expect(exchange.body.contains("for the field \(field)"), "\(exchange.body)")
        continue
      }
      #expect(exchange.start == nil, "\(target): \(exchange.body)")
      #expect(
        try fixture.lastCommand() == (member.isEmpty ? #"{"id":"a"}"# : #"{"id":"a",\#(member)}"#))
    }
  }

  @Test(
    "Enums and messages with a JSON form of one value, in a query",
    arguments: [
      ("color=BLUE", #""color":"BLUE""#), ("color=1", #""color":"BLUE""#), ("color=RED", ""),
      ("colors=BLUE&colors=RED&colors=BLUE", #""colors":["BLUE","RED","BLUE"]"#),
      ("at=2020-01-02T03:04:05Z", #""at":"2020-01-02T03:04:05Z""#),
      ("at=2020-01-02T05:04:05.25%2B02:00", #""at":"2020-01-02T03:04:05.250Z""#),
      (
        "times=2020-01-02T03:04:05Z&times=1970-01-01T00:00:00Z",
        #""times":["2020-01-02T03:04:05Z","1970-01-01T00:00:00Z"]"#
      ),
      ("lasting=1.5s", #""lasting":"1.500s""#), ("lasting=-3s", #""lasting":"-3s""#),
      ("mask=inner.name,productId", #""mask":"inner.name,productId""#),
      // An empty or a zero value is a value.
      ("maybe=0", #""maybe":"0""#), ("maybe=-7", #""maybe":"-7""#), ("said=", #""said":"""#),
      ("said=%22", #""said":"\"""#), ("sure=false", #""sure":false"#),
      ("seconds=0.5", #""seconds":0.5"#),
      ("blob=AP8%3D", #""blob":"AP8=""#),
    ])
  func values(query: String, member: String) throws {
    let (exchange, _) = fixture.send("GET", "/get/a?\(query)")
    #expect(exchange.start == nil, "\(exchange.body)")
    #expect(
      try fixture.lastCommand() == (member.isEmpty ? #"{"id":"a"}"# : #"{"id":"a",\#(member)}"#))
  }

  @Test(
    "What is none of them is 400",
    arguments: [
      (
        "color=BLEU",
        #"the query parameter 'color' is not valid: field color: "BLEU" is not a valid t.Color"#
      ),
      ("color=", "the query parameter 'color' is not valid: "),
      ("at=yesterday", "the query parameter 'at' is not valid: "),
      ("lasting=3", "the query parameter 'lasting' is not valid: "),
      ("maybe=x", "the query parameter 'maybe' is not valid: "),
      ("sure=maybe", "the query parameter 'sure' is not valid: "),
      ("inner=1", "the query parameter 'inner' is a message; name one of its fields"),
      ("inners=1", "the query parameter 'inners' is a message; name one of its fields"),
      ("open=1", "the query parameter 'open' is a message; name one of its fields"),
      ("labels=1", "the query parameter 'labels' is a message; name one of its fields"),
      (
        "at=2020-01-02T03:04:05Z&at=2020-01-02T03:04:05Z",
        "the query parameter 'at' takes one value"
      ),
    ])
  func refused(query: String, text: String) {
    let (exchange, _) = fixture.send("GET", "/get/a?\(query)")
    #expect(exchange.status == 400)
    #expect(exchange.body.hasPrefix(text), "\(exchange.body)")
    #expect(fixture.dispatcher.commands.isEmpty)
  }
}
