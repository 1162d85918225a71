import GRPCTransport
import NIOCore
import NIOHTTP1
import NIOPosix

/// What a proxy answered to a request over HTTP.
struct HTTPAnswer: Hashable, Sendable {
  var status = 0
  var contentType = ""
  var body = ""
}

/// Posts JSON, see ``request(_:_:to:at:within:)``.
func post(
  _ json: String, to path: String, at address: GRPCAddress, within limit: Duration
) async throws -> HTTPAnswer {
  try await request("POST", json, to: path, at: address, within: limit)
}

/// Makes a request over HTTP/1.1, on a connection of its own (section 1.5).
///
/// - Parameter json: The body; empty for none.
/// - Throws: What went wrong with the connection, or `ChannelError` if there is no whole answer in time.
func request(
  _ method: String, _ json: String, to path: String, at address: GRPCAddress,
  within limit: Duration
) async throws -> HTTPAnswer {
  let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
  let answer = eventLoop.makePromise(of: HTTPAnswer.self)
  let timeout = eventLoop.scheduleTask(in: TimeAmount(limit)) {
    answer.fail(ChannelError.connectTimeout(TimeAmount(limit)))
  }
  defer { timeout.cancel() }
  let bootstrap = ClientBootstrap(group: eventLoop).channelInitializer { channel in
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHTTPClientHandlers()
      try channel.pipeline.syncOperations.addHandler(AnswerCollector(answer))
    }
  }
  let channel: any Channel
  do {
    switch address {
    case .tcp(let host, let port):
      channel = try await bootstrap.connect(host: host, port: port).get()
    case .unixDomainSocket(let path):
      channel = try await bootstrap.connect(unixDomainSocketPath: path).get()
    }
  } catch {
    answer.fail(error)
    return try await answer.futureResult.get()
  }
  defer { channel.close(promise: nil) }
  var head = HTTPRequestHead(
    version: .http1_1, method: HTTPMethod(rawValue: method), uri: path)
  head.headers.add(name: "host", value: "\(address)")
  if !json.isEmpty { head.headers.add(name: "content-type", value: "application/json") }
  if !json.isEmpty || method != "GET" {
    head.headers.add(name: "content-length", value: "\(json.utf8.count)")
  }
  head.headers.add(name: "connection", value: "close")
  channel.write(HTTPClientRequestPart.head(head), promise: nil)
  if !json.isEmpty {
    channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: json))), promise: nil)
  }
  channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
  return try await answer.futureResult.get()
}

/// Gathers the parts of one answer.
private final class AnswerCollector: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private let answer: EventLoopPromise<HTTPAnswer>
  private var gathered = HTTPAnswer()

  init(_ answer: EventLoopPromise<HTTPAnswer>) { self.answer = answer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      gathered.status = Int(head.status.code)
      gathered.contentType = head.headers.first(name: "content-type") ?? ""
    case .body(let bytes): gathered.body += String(buffer: bytes)
    case .end: answer.succeed(gathered)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    answer.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { answer.fail(ChannelError.eof) }
}

/// What an answer over HTTP is to be.
enum HTTPExpectation: Hashable, Sendable {
  /// Status 200, and a response of the model as JSON.
  case message(String)
  /// Status 200, and exactly this JSON.
  case body(String)
  /// Status 500 with exactly this text.
  case failure(String)

  /// What differs, or `nil`.
  func difference(from answer: HTTPAnswer) -> (expected: String, received: String)? {
    let received = "\(answer.status) \(answer.contentType) \(answer.body)"
    switch self {
    case .message(let text):
      return Self.body("{\"message\":\"\(text)\"}").difference(from: answer)
    case .body(let body):
      let isJSON =
        answer.contentType == "application/json"
        || answer.contentType.hasPrefix("application/json;")
      if answer.status == 200, isJSON, answer.body == body { return nil }
      return ("200 application/json \(body)", received)
    case .failure(let text):
      if answer.status == 500, answer.body == text { return nil }
      return ("500 \(text)", received)
    }
  }
}
