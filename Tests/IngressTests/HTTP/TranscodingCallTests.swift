import CloudstateModel
import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import Testing

/// Calls over HTTP go the way of all calls (proxy behaviour, section 12.4).
@Suite struct TranscodingCallTests {
  private let fixture: HTTPFixture

  init() throws {
    fixture = try HTTPFixture(
      .init("Get", rule(get: "/get/{id}")), .init("StreamOut", isServerStreaming: true),
      .init("ActOne"), .init("ActIn", isClientStreaming: true),
      .init("StreamBoth", isClientStreaming: true, isServerStreaming: true),
      .init("StreamGet", isServerStreaming: true, rule(get: "/stream/{id}")),
      .init("ActAny", .with { $0.custom = .with { ($0.kind, $0.path) = ("*", "/any/{id}") } }))
  }

  @Test("Unknown paths and other verbs are answered with what there is")
  func nothingThere() throws {
    let (verb, _) = fixture.post("/get/a", "{}")
    #expect(verb.status == 405)
    #expect(verb.start?.headers["allow"] == "GET, HEAD")
    #expect(verb.body == "/get/a takes GET, HEAD, not POST")
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

  @Test("A client-streaming method gets its one message, and then the end")
  func clientStreaming() throws {
    for name in ["ActIn", "StreamBoth"] {
      let (exchange, _) = fixture.post("/t.S/\(name)", #"{"id":"a"}"#)
      let action = try #require(fixture.dispatcher.actions.last)
      #expect(action.sent == ["\n\u{1}a"])
      #expect(action.isEnded)
      try fixture.respond("{}")
      action.owner.ended(nil)
      #expect(exchange.status == 200)
    }
  }

  @Test("A rule for every verb takes every verb")
  func anyVerb() throws {
    for verb in ["GET", "POST", "PUT", "OPTIONS", "BREW"] {
      #expect(fixture.send(verb, "/any/a").exchange.start == nil)
    }
    #expect(fixture.dispatcher.actions.count == 5)
  }

  @Test("HEAD is GET without a body, also of a stream that would not end")
  func head() throws {
    let (one, _) = fixture.send("HEAD", "/get/a")
    try fixture.reply("{}")
    #expect(one.status == 200)
    #expect(one.contentType == "application/json")
    let (stream, _) = fixture.send("HEAD", "/stream/a")
    #expect(stream.start == nil)
    try fixture.respond("{}", metadata: [CommandMetadata(key: "x-first", value: .text("1"))])
    #expect(stream.start?.headers["x-first"] == "1")
    #expect(stream.isEnded)
    #expect(stream.sent == [])
    #expect(fixture.dispatcher.actions[0].isCancelled)
    #expect(fixture.send("HEAD", "/t.S/ActOne").exchange.status == 405)
  }
}
