import CloudstateModel
import GRPCTransport
import Testing

/// What becomes of replies and failures (proxy behaviour, sections 12.5, 12.6 and 21), and that calls over HTTP
/// go the way of all calls.
@Suite struct TranscodingCallTests {
  private let fixture: HTTPFixture

  init() throws {
    fixture = try HTTPFixture(
      .init("Get", rule(get: "/get/{id}")),
      .init("Items", rule(get: "/items/{id}", responseBody: "inners")),
      .init("One", rule(get: "/one/{id}", responseBody: "inner")),
      .init("Text", rule(get: "/text/{id}", responseBody: "text")),
      .init("Total", rule(get: "/total/{id}", responseBody: "total")),
      .init("File", output: ".google.api.HttpBody", rule(get: "/file/{id}")),
      .init("FileField", rule(get: "/filefield/{id}", responseBody: "file")),
      .init("StreamOut", isServerStreaming: true),
      .init(
        "StreamItems", isServerStreaming: true, rule(get: "/stream/items", responseBody: "inners")),
      .init("StreamFile", output: ".google.api.HttpBody", isServerStreaming: true),
      .init("ActOne"))
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

  @Test(
    "A response body is the JSON of one field",
    arguments: [
      (
        "/items/a", #"{"text":"],{\"inners\":1","inners":[{"name":"n","count":7}]}"#,
        #"[{"name":"n","count":7,"tags":[]}]"#
      ),
      ("/items/a", "{}", "[]"),
      ("/one/a", #"{"inner":{"name":"n"},"inners":[{}]}"#, #"{"name":"n","count":0,"tags":[]}"#),
      ("/one/a", "{}", #"{"name":"","count":0,"tags":[]}"#),
      ("/text/a", #"{"text":"a \"b\" \\ {"}"#, #""a \"b\" \\ {""#),
      ("/text/a", "{}", #""""#),
      ("/total/a", #"{"total":"9007199254740993"}"#, #""9007199254740993""#),
    ])
  func responseBody(target: String, reply: String, body: String) throws {
    let (exchange, _) = fixture.send("GET", target)
    try fixture.reply(reply)
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

  // MARK: Failures

  @Test("A refusal of the user function is its text, whatever the client accepts")
  func failure() throws {
    for accept in ["*/*", "application/json"] {
      let (exchange, _) = fixture.send("GET", "/get/a", headers: [("accept", accept)])
      fixture.dispatcher.commands.last?.completion(CommandAnswer(.failure("no \"such\" item")))
      #expect(exchange.status == 500)
      #expect(exchange.contentType == "text/plain; charset=utf-8")
      #expect(exchange.body == "no \"such\" item")
    }
  }

  @Test(
    "Errors of the machinery have the status of their code",
    arguments: [
      (.unexpectedTermination, 500), (.timeout, 500), (.overloaded, 507),
      (.idempotencyKeyReused, 412),
      (.shardUnavailable, 503), (.routingFailed, 500), (.invalidArgument, 400),
    ] as [(CommandError.Code, Int)])
  func machinery(code: CommandError.Code, status: Int) throws {
    let (exchange, _) = fixture.send("GET", "/get/a")
    fixture.dispatcher.commands[0].completion(.error(CommandError(code, "what \"happened\"")))
    #expect(exchange.status == status)
    #expect(exchange.body == "what \"happened\"")
    #expect(exchange.contentType == "text/plain; charset=utf-8")
    #expect(exchange.start?.headers["cs-error"] == code.rawValue)
    #expect(exchange.start?.headers["cs-retryable"] != nil)
  }

  @Test("Who prefers JSON gets errors of the machinery as google.rpc.Status")
  func statusJSON() throws {
    let accept = [("accept", "application/json")]
    let (exchange, _) = fixture.send("GET", "/get/a", headers: accept)
    fixture.dispatcher.commands[0].completion(
      .error(CommandError(.shardUnavailable, "what \"happened\"")))
    #expect(exchange.status == 503)
    #expect(exchange.contentType == "application/json")
    #expect(exchange.body == #"{"code":14,"message":"what \"happened\"","details":[]}"#)
    let (unknown, _) = fixture.send("GET", "/nope", headers: accept)
    #expect(unknown.status == 404)
    #expect(unknown.body == #"{"code":5,"message":"nothing is served at /nope","details":[]}"#)
  }

  @Test("The status with which a function ends an action's call is mapped too")
  func passedStatus() throws {
    let (exchange, _) = fixture.post("/t.S/ActOne", "{}")
    fixture.dispatcher.actions[0].owner.ended(
      CommandError(.actionFailed, "there is one", passedStatusCode: 6))
    #expect(exchange.status == 409)
    #expect(exchange.body == "there is one")
  }

  @Test("Every gRPC code has its HTTP status")
  func mapping() throws {
    let expected = [
      200, 400, 500, 400, 500, 404, 409, 403, 507, 412, 500, 416, 501, 500, 503, 500, 401,
    ]
    for code in GRPCStatus.Code.allCases where code != .ok {
      let (exchange, _) = fixture.post("/t.S/ActOne", "{}")
      fixture.dispatcher.actions.last?.owner.ended(
        CommandError(.actionFailed, "", passedStatusCode: code.rawValue))
      #expect(exchange.status == expected[code.rawValue], "\(code)")
    }
  }

  @Test("Unknown paths and other verbs are answered with what there is")
  func nothingThere() throws {
    let (verb, _) = fixture.post("/get/a", "{}")
    #expect(verb.status == 405)
    #expect(verb.start?.headers["allow"] == "GET")
    #expect(verb.body == "/get/a takes GET, not POST")
    let (method, _) = fixture.post("/t.S/Get", "{}")
    #expect(method.status == 404)
    #expect(method.body == "nothing is served at /t.S/Get, but the method is at GET /get/{id}")
    #expect(fixture.dispatcher.commands.isEmpty)
  }

  @Test("An empty entity key is refused as over gRPC")
  func emptyKey() throws {
    let (exchange, _) = fixture.send("GET", "/get/")
    #expect(exchange.status == 400)
    #expect(exchange.start?.headers["cs-error"] == "invalid-argument")
  }

  // MARK: The way of all calls

  @Test("Key, idempotency key and headers are those of a gRPC call")
  func command() throws {
    fixture.send("GET", "/get/a", headers: [("idempotency-key", "k"), ("x-color", "red")])
    let command = fixture.dispatcher.commands[0].command
    #expect(command.entity.entityID == "a")
    #expect(command.serviceName == "t.S")
    #expect(command.method == "Get")
    #expect(command.payloadTypeURL == "type.googleapis.com/t.In")
    #expect(command.idempotencyKey == "k")
    #expect(command.metadata.isEmpty)
    fixture.post("/t.S/ActOne", "{}", headers: [("x-color", "red"), ("host", "h")])
    #expect(
      fixture.dispatcher.actions[0].request.metadata == [
        CommandMetadata(key: "x-color", value: .text("red"))
      ])
    #expect(fixture.dispatcher.actions[0].isEnded)
  }

  @Test("A client that goes away cancels an action, and hears of no entity's answer")
  func cancelled() throws {
    let (_, handler) = fixture.post("/t.S/StreamOut", "{}")
    handler?.cancelled()
    #expect(fixture.dispatcher.actions[0].isCancelled)
    let (exchange, entityHandler) = fixture.send("GET", "/get/a")
    entityHandler?.cancelled()
    try fixture.reply("{}")
    #expect(exchange.start == nil)
  }

  @Test("Rules can be exchanged while requests are served")
  func update() throws {
    let (exchange, _) = fixture.send("GET", "/get/a")
    try fixture.update(.init("Get", rule(get: "/got/{id}")))
    try fixture.reply("{}")
    #expect(exchange.status == 200)
    #expect(fixture.send("GET", "/get/a").exchange.status == 404)
    #expect(fixture.send("GET", "/got/a").exchange.start == nil)
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

  @Test("Who accepts events first gets server-sent events")
  func events() throws {
    let (exchange, _) = fixture.send(
      "GET", "/stream/items", headers: [("accept", "text/event-stream, */*")])
    try fixture.respond(#"{"inners":[{"name":"n"}]}"#)
    #expect(exchange.contentType == "text/event-stream")
    #expect(exchange.sent == ["data: [{\"name\":\"n\",\"count\":0,\"tags\":[]}]\n\n"])
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

  @Test("A client that does not read holds the function back")
  func backPressure() throws {
    let (exchange, handler) = fixture.post("/t.S/StreamOut", "{}")
    try fixture.respond("{}")
    exchange.isWritable = false
    handler?.writabilityChanged(false)
    #expect(!fixture.dispatcher.actions[0].isReading)
    exchange.isWritable = true
    handler?.writabilityChanged(true)
    #expect(fixture.dispatcher.actions[0].isReading)
  }
}
