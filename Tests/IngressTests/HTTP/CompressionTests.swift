import CloudstateModel
import GRPCTransport
import Gzip
import Testing

@testable import Ingress

/// Bodies in gzip, in both directions (RFC 9110, 8.4 and 12.5.3).
@Suite struct CompressionTests {
  private let fixture: HTTPFixture

  init() throws {
    var configuration = HTTPTranscoderConfiguration()
    configuration.leastBytesToCompress = 100
    configuration.maximumBodyBytes = 10_000
    configuration.servesOpenAPI = false
    fixture = try HTTPFixture(
      .init("Get", rule(get: "/get/{id}")), .init("All", rule(post: "/all/{id}", body: "*")),
      .init("NoBody", rule(post: "/nobody/{id}")),
      .init("File", rule(post: "/file/{id}", body: "file")),
      .init("Download", output: ".google.api.HttpBody", rule(get: "/download/{id}")),
      .init("StreamOut", isServerStreaming: true), .init("ActOne"), configuration: configuration)
  }

  private static let long = #"{"text":"\#(String(repeating: "a", count: 200))"}"#

  @Test(
    "gzip is used where it is accepted and liked no less",
    arguments: [
      ("gzip", true), ("GZIP", true), ("x-gzip", true), ("deflate, gzip;q=0.5", true), ("*", true),
      ("*;q=0.1", true), ("identity;q=0.5, gzip", true), ("gzip;q=0.5, identity;q=0.5", true),
      ("", false), ("deflate, br", false), ("gzip;q=0", false), ("gzip; q=0.0, *", false),
      ("*;q=0", false), ("identity, gzip;q=0.5", false), ("identity", false),
    ])
  func accepted(header: String, isAdmitted: Bool) throws {
    #expect(AcceptEncoding(header).admitsGzip == isAdmitted)
    let (exchange, _) = fixture.send("GET", "/get/a", headers: [("accept-encoding", header)])
    try fixture.reply(Self.long)
    #expect(exchange.start?.headers["content-encoding"] == (isAdmitted ? "gzip" : nil))
    // A cache must know, whichever way it went.
    #expect(exchange.start?.headers["vary"] == "accept-encoding")
    let body = isAdmitted ? try Gzip.decompress(exchange.bytes, maximumBytes: 1000) : exchange.bytes
    #expect(String(decoding: body, as: UTF8.self).hasPrefix(#"{"text":"aaaa"#))
  }

  @Test("The header may have several lines")
  func severalLines() throws {
    let (exchange, _) = fixture.send(
      "GET", "/get/a", headers: [("accept-encoding", "br"), ("accept-encoding", "gzip")])
    try fixture.reply(Self.long)
    #expect(exchange.start?.headers["content-encoding"] == "gzip")
  }

  @Test("Short answers, plain text, and what the function encoded itself are left as they are")
  func leftAlone() throws {
    let accept = [("accept-encoding", "gzip")]
    let (short, _) = fixture.send("GET", "/get/a", headers: accept)
    try fixture.reply("{}")
    let (refused, _) = fixture.send("GET", "/get/a", headers: accept)
    fixture.dispatcher.commands.last?.completion(
      .init(.failure(String(repeating: "a", count: 200))))
    let (encoded, _) = fixture.send("GET", "/get/a", headers: accept)
    try fixture.reply(Self.long, metadata: [.init(key: "content-encoding", value: .text("br"))])
    let (fixed, _) = fixture.send("GET", "/get/a", headers: accept)
    try fixture.reply(
      Self.long, metadata: [.init(key: "cache-control", value: .text("no-transform"))])
    let (file, _) = fixture.send("GET", "/download/a", headers: accept)
    try fixture.reply(
      #"{"contentType":"image/png","data":"\#(String(repeating: "A", count: 400))"}"#,
      message: "google.api.HttpBody")
    for exchange in [short, refused, encoded, fixed, file] {
      #expect(exchange.start?.headers["content-encoding"] != "gzip")
      #expect(exchange.start?.headers["vary"] == nil)
    }
  }

  @Test("Each message of a compressed stream can be read when it comes")
  func stream() throws {
    for accept in ["application/json", "text/event-stream"] {
      let (exchange, _) = fixture.post(
        "/t.S/StreamOut", "{}", headers: [("accept-encoding", "gzip"), ("accept", accept)])
      try fixture.respond(#"{"text":"one"}"#)
      #expect(exchange.start?.headers["content-encoding"] == "gzip")
      #expect(exchange.start?.headers["vary"] == "accept-encoding")
      // A flushed block ends with the marker of an empty one.
      #expect(exchange.pieces.count == 1)
      #expect(exchange.bytes.suffix(4) == [0, 0, 0xff, 0xff])
      try fixture.respond(#"{"text":"two"}"#)
      fixture.dispatcher.actions.last?.owner.ended(nil)
      #expect(exchange.isEnded)
      let whole = String(
        decoding: try Gzip.decompress(exchange.bytes, maximumBytes: 1000), as: UTF8.self)
      #expect(whole.contains(#""text":"one""#))
      #expect(whole.hasSuffix(accept == "application/json" ? "}\n" : "}\n\n"))
    }
    let (broken, _) = fixture.post("/t.S/StreamOut", "{}", headers: [("accept-encoding", "gzip")])
    try fixture.respond("{}")
    fixture.dispatcher.actions.last?.owner.received(.init(.failure("no")))
    #expect(broken.isAborted)
    #expect(throws: GzipError.corrupt) { try Gzip.decompress(broken.bytes, maximumBytes: 1000) }
  }

  @Test("A request body in gzip is expanded, and its header is gone")
  func expanded() throws {
    for coding in ["gzip", "X-GZIP", "identity, gzip"] {
      let (exchange, _) = fixture.send(
        "POST", "/all/a",
        headers: [("content-type", "application/json"), ("content-encoding", coding)],
        bytes: try Gzip.compress(Array(#"{"number":7}"#.utf8)))
      #expect(exchange.start == nil, "\(exchange.body)")
      #expect(try fixture.lastCommand() == #"{"id":"a","number":7}"#)
    }
    fixture.send(
      "POST", "/file/b", headers: [("content-type", "a/b"), ("content-encoding", "gzip")],
      bytes: try Gzip.compress([1, 2]))
    #expect(
      try fixture.lastCommand() == #"{"id":"b","file":{"contentType":"a/b","data":"AQI="}}"#)
    fixture.send(
      "POST", "/t.S/ActOne",
      headers: [("content-type", "application/json"), ("content-encoding", "gzip"), ("x", "y")],
      bytes: try Gzip.compress(Array("{}".utf8)))
    #expect(fixture.dispatcher.actions.last?.request.metadata.map(\.key) == ["x"])
    // Where no body is looked at, its encoding is not either.
    #expect(
      fixture.send("POST", "/nobody/a", headers: [("content-encoding", "br")]).exchange.start == nil
    )
  }

  @Test("Unknown encodings are 415, broken bodies 400, bombs 413")
  func refused() throws {
    func send(_ coding: String, _ bytes: [UInt8]) -> RecordedExchange {
      fixture.send(
        "POST", "/all/a",
        headers: [("content-type", "application/json"), ("content-encoding", coding)], bytes: bytes
      ).exchange
    }
    for coding in ["br", "deflate", "gzip, gzip", "gzip, br", "zip"] {
      let exchange = send(coding, [1])
      #expect(exchange.status == 415)
      #expect(exchange.start?.headers["accept-encoding"] == "gzip")
      #expect(exchange.body.contains(coding))
    }
    let valid = try Gzip.compress(Array("{}".utf8))
    for bytes in [[], [1, 2, 3], Array(valid.dropLast()), valid + [0]] {
      let exchange = send("gzip", bytes)
      #expect(exchange.status == 400)
      #expect(exchange.body == "the body is not gzip, as its content-encoding has it")
    }
    let fitting = send(
      "gzip", try Gzip.compress([UInt8](repeating: 0x20, count: 9998) + [0x7b, 0x7d]))
    #expect(fitting.start == nil)
    let bomb = send("gzip", try Gzip.compress([UInt8](repeating: 0x20, count: 50_000_000)))
    #expect(bomb.status == 413)
    #expect(bomb.body == "the body expands to more than 10000 bytes")
    #expect(fixture.dispatcher.commands.count == 1)
  }

  @Test("It can be switched off")
  func off() throws {
    var configuration = HTTPTranscoderConfiguration()
    configuration.leastBytesToCompress = nil
    let fixture = try HTTPFixture(
      .init("Get", rule(get: "/get/{id}")), configuration: configuration)
    let (exchange, _) = fixture.send("GET", "/get/a", headers: [("accept-encoding", "gzip")])
    try fixture.reply(#"{"text":"\#(String(repeating: "a", count: 5000))"}"#)
    #expect(exchange.start?.headers["content-encoding"] == nil)
    #expect(exchange.start?.headers["vary"] == nil)
  }
}
