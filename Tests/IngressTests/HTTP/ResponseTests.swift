import CloudstateModel
import GRPCTransport
import Testing

/// What becomes of replies (proxy behaviour, section 12.5).
@Suite struct ResponseTests {
  private let fixture: HTTPFixture

  private static let fields = [
    "text", "total", "utotal", "number", "ratio", "flag", "raw", "color", "colors", "counts",
    "inner",
    "inners", "at", "maybe", "numbers", "nothing",
  ]

  init() throws {
    fixture = try HTTPFixture(
      all: [
        .init("Get", rule(get: "/get/{id}")),
        .init("Whole", output: ".t.Wide", rule(get: "/whole/{id}")),
        .init("Empty", output: ".google.protobuf.Empty", rule(get: "/empty/{id}")),
        .init("File", output: ".google.api.HttpBody", rule(get: "/file/{id}")),
        .init("FileField", rule(get: "/filefield/{id}", responseBody: "file")),
        .init("StreamOut", isServerStreaming: true),
        .init(
          "StreamItems", isServerStreaming: true,
          rule(get: "/stream/items", responseBody: "inners")),
        .init("StreamFile", output: ".google.api.HttpBody", isServerStreaming: true),
        .init("ActOne"),
      ]
        + Self.fields.map {
          .init("Field_\($0)", output: ".t.Wide", rule(get: "/\($0)/{id}", responseBody: $0))
        })
  }

  // MARK: One reply

  @Test("A reply is JSON with default values, 64-bit numbers as text and no blanks")
  func reply() throws {
    let (exchange, _) = fixture.send("GET", "/get/a")
    #expect(exchange.start == nil)
    try fixture.reply(#"{"text":"x"}"#)
    #expect(exchange.status == 200)
    #expect(exchange.contentType == "application/json")
    #expect(exchange.body == #"{"text":"x","total":"0","inners":[],"color":"RED"}"#)
    #expect(exchange.isEnded)
  }

  @Test("Every kind of field has its JSON form, and unset messages are left out")
  func wholeReply() throws {
    let (full, _) = fixture.send("GET", "/whole/a")
    let json =
      #"{"text":"ä","total":"-5","utotal":"18446744073709551615","number":-7,"ratio":1.5,"flag":true,"#
      + #""raw":"AP8=","color":"BLUE","colors":["RED","BLUE"],"counts":{"a":"1"},"#
      + #""inner":{"name":"n","count":7,"tags":["x"]},"inners":[{"name":"m","count":0,"tags":[]}],"#
      + #""numbers":[4294967295],"nothing":{},"at":"2020-01-02T03:04:05Z","maybe":"0"}"#
    try fixture.reply(json, message: "t.Wide")
    #expect(full.body == json)
    let (none, _) = fixture.send("GET", "/whole/a")
    try fixture.reply("{}", message: "t.Wide")
    #expect(
      none.body
        == #"{"text":"","total":"0","utotal":"0","number":0,"ratio":0,"flag":false,"raw":"","#
        + #""color":"RED","colors":[],"counts":{},"inners":[],"numbers":[]}"#)
    let (empty, _) = fixture.send("GET", "/empty/a")
    try fixture.reply("{}", message: "google.protobuf.Empty")
    #expect(empty.body == "{}")
  }

  @Test(
    "A response body is the ordinary JSON of one field, whatever its kind",
    arguments: [
      ("text", #"{"text":"a \"b\" \\ {"}"#, #""a \"b\" \\ {""#), ("text", "{}", #""""#),
      ("total", #"{"total":"9007199254740993"}"#, #""9007199254740993""#), ("total", "{}", #""0""#),
      ("utotal", #"{"utotal":"18446744073709551615"}"#, #""18446744073709551615""#),
      ("number", #"{"number":7}"#, "7"), ("number", "{}", "0"), ("ratio", #"{"ratio":0.5}"#, "0.5"),
      ("ratio", #"{"ratio":"NaN"}"#, #""NaN""#), ("flag", #"{"flag":true}"#, "true"),
      ("flag", "{}", "false"), ("raw", #"{"raw":"_-8"}"#, #""/+8=""#),
      ("color", #"{"color":1}"#, #""BLUE""#), ("color", "{}", #""RED""#),
      ("colors", #"{"colors":["BLUE","RED"]}"#, #"["BLUE","RED"]"#), ("colors", "{}", "[]"),
      ("counts", #"{"counts":{"a":7}}"#, #"{"a":"7"}"#), ("counts", "{}", "{}"),
      (
        "inner", #"{"inner":{"name":"n"},"inners":[{}]}"#, #"{"name":"n","count":0,"tags":[]}"#
      ),
      ("inner", "{}", #"{"name":"","count":0,"tags":[]}"#),
      (
        "inners", #"{"text":"],{\"inners\":1","inners":[{"name":"n","count":7}]}"#,
        #"[{"name":"n","count":7,"tags":[]}]"#
      ),
      ("inners", "{}", "[]"),
      ("at", #"{"at":"2020-01-02T03:04:05.5Z"}"#, #""2020-01-02T03:04:05.500Z""#),
      ("at", "{}", "null"), ("at", #"{"at":"1970-01-01T00:00:00Z"}"#, #""1970-01-01T00:00:00Z""#),
      ("maybe", #"{"maybe":7}"#, #""7""#), ("maybe", "{}", "null"),
      ("numbers", #"{"numbers":[1,2]}"#, "[1,2]"),
      ("nothing", #"{"nothing":{}}"#, "{}"),
      ("nothing", "{}", "{}"),
    ])
  func responseBody(field: String, reply: String, body: String) throws {
    let (exchange, _) = fixture.send("GET", "/\(field)/a")
    try fixture.reply(reply, message: "t.Wide")
    #expect(exchange.body == body)
    #expect(exchange.contentType == "application/json")
  }

  @Test("An HttpBody is its bytes with its content type")
  func httpBody() throws {
    let (exchange, _) = fixture.send("GET", "/file/a")
    try fixture.reply(
      #"{"contentType":"text/html","data":"PGI+"}"#, message: "google.api.HttpBody")
    #expect(exchange.contentType == "text/html")
    #expect(exchange.body == "<b>")
    let (untyped, _) = fixture.send("GET", "/filefield/a")
    try fixture.reply(#"{"file":{"data":"PGI+"}}"#)
    #expect(untyped.contentType == nil)
    #expect(untyped.body == "<b>")
    let (empty, _) = fixture.send("GET", "/filefield/a")
    try fixture.reply("{}")
    #expect(empty.status == 200)
    #expect(empty.body == "")
  }

  @Test("Metadata of the reply and the place of the events are headers")
  func headers() throws {
    let (exchange, _) = fixture.send("GET", "/get/a")
    try fixture.reply(
      "{}",
      metadata: [
        CommandMetadata(key: "x-answer", value: .text("yes")),
        CommandMetadata(key: "content-type", value: .text("text/html")),
        CommandMetadata(key: "x-raw", value: .bytes([1, 2])),
      ],
      commitment: Commitment(
        shard: 3, position: Position(4), epoch: Epoch(1), firstSequence: SequenceNumber(2),
        eventCount: 1))
    #expect(exchange.start?.headers["x-answer"] == "yes")
    #expect(exchange.start?.headers["x-raw-bin"] == "AQI")
    #expect(exchange.start?.headers["cs-commitment"]?.hasPrefix("shard=3;position=4") == true)
    #expect(exchange.contentType == "application/json")
  }

  @Test("No reply, one of another type, and one that is no message, are 500")
  func brokenReplies() throws {
    let (none, _) = fixture.send("GET", "/get/a")
    fixture.dispatcher.commands[0].completion(CommandAnswer(.reply(nil)))
    #expect(none.status == 500)
    #expect(none.body == "the user function sent no reply")
    let (broken, _) = fixture.send("GET", "/get/a")
    fixture.dispatcher.commands[1].completion(
      CommandAnswer(.reply(ReplyPayload(typeURL: "t/Out", value: [0xff]))))
    #expect(broken.status == 500)
    #expect(broken.body.hasPrefix("the reply cannot be sent over HTTP: "))
    #expect(fixture.reports.texts.contains { $0.contains("the reply of /t.S/Get cannot be sent") })
  }

  @Test("A second reply where there is one ends the call")
  func twoReplies() throws {
    let (exchange, _) = fixture.post("/t.S/ActOne", "{}")
    try fixture.respond("{}")
    try fixture.respond("{}")
    #expect(exchange.status == 500)
    #expect(exchange.body == "there was more than one reply")
    #expect(fixture.dispatcher.actions[0].isCancelled)
  }

  // MARK: Streams

  @Test("A stream is a line of JSON for each reply, begun by the first one's metadata")
  func lines() throws {
    let (exchange, _) = fixture.post("/t.S/StreamOut", "{}")
    #expect(exchange.start == nil)
    try fixture.respond(
      #"{"text":"a\nb"}"#, metadata: [CommandMetadata(key: "x-first", value: .text("1"))])
    #expect(exchange.status == 200)
    #expect(exchange.contentType == "application/json")
    #expect(exchange.start?.headers["x-first"] == "1")
    try fixture.respond(#"{"text":"c"}"#)
    #expect(!exchange.isEnded)
    fixture.dispatcher.actions[0].owner.ended(nil)
    #expect(
      exchange.sent == [
        #"{"text":"a\nb","total":"0","inners":[],"color":"RED"}"# + "\n",
        #"{"text":"c","total":"0","inners":[],"color":"RED"}"# + "\n",
      ])
    #expect(exchange.isEnded)
  }

  @Test("Who names the type of lines gets it")
  func namedLines() throws {
    for accept in ["application/x-ndjson", "application/json;q=0.5, application/x-ndjson"] {
      let (exchange, _) = fixture.post("/t.S/StreamOut", "{}", headers: [("accept", accept)])
      try fixture.respond("{}")
      #expect(exchange.contentType == "application/x-ndjson")
    }
  }

  @Test("Who accepts events first gets server-sent events")
  func events() throws {
    let (exchange, _) = fixture.send(
      "GET", "/stream/items", headers: [("accept", "text/event-stream, */*")])
    try fixture.respond(#"{"inners":[{"name":"n"}]}"#)
    #expect(exchange.contentType == "text/event-stream")
    #expect(exchange.sent == ["data: [{\"name\":\"n\",\"count\":0,\"tags\":[]}]\n\n"])
  }

  @Test("Who wants events gets HttpBody as JSON, too")
  func eventsOfBodies() throws {
    let (exchange, _) = fixture.post(
      "/t.S/StreamFile", "{}", headers: [("accept", "text/event-stream")])
    try fixture.respond(
      #"{"contentType":"a/b","data":"YQ=="}"#, message: "google.api.HttpBody")
    #expect(
      exchange.sent == [
        "data: {\"contentType\":\"a/b\",\"data\":\"YQ==\",\"extensions\":[]}\n\n"
      ])
  }

  @Test("A stream of HttpBody is its bytes; the metadata, then the first reply, tell the type")
  func rawStream() throws {
    for (metadata, own, expected) in [
      ("text/csv", "text/x", "text/csv"), (nil, "text/x", "text/x"),
      (nil, "", "application/octet-stream"),
    ] as [(String?, String, String)] {
      let (exchange, _) = fixture.post("/t.S/StreamFile", "{}")
      try fixture.respond(
        #"{"contentType":"\#(own)","data":"YQ=="}"#, message: "google.api.HttpBody",
        metadata: metadata.map { [CommandMetadata(key: "Content-Type", value: .text($0))] } ?? [])
      try fixture.respond(#"{"data":"Yg=="}"#, message: "google.api.HttpBody")
      #expect(exchange.contentType == expected)
      #expect(exchange.body == "ab")
    }
  }

  @Test("A stream without replies is empty; one that fails before the first reply is an error")
  func emptyStreams() throws {
    let (empty, _) = fixture.post("/t.S/StreamOut", "{}")
    fixture.dispatcher.actions[0].owner.ended(nil)
    #expect(empty.status == 200)
    #expect(empty.isEnded)
    #expect(empty.body == "")
    let (failed, _) = fixture.post("/t.S/StreamOut", "{}")
    fixture.dispatcher.actions[1].owner.received(CommandAnswer(.failure("no")))
    #expect(failed.status == 500)
    #expect(failed.body == "no")
  }

  @Test("A stream that fails later is broken off")
  func brokenStream() throws {
    let (exchange, _) = fixture.post("/t.S/StreamOut", "{}")
    try fixture.respond("{}")
    fixture.dispatcher.actions[0].owner.received(CommandAnswer(.failure("no")))
    #expect(exchange.isAborted)
    #expect(!exchange.isEnded)
  }
}
