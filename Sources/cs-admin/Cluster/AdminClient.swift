import CommandLineKit
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix

/// Asks a coordinator's administration listener: one connection for each request, plain HTTP/1.1 with JSON.
struct AdminClient: Sendable {
  /// More than this is no answer of a coordinator.
  static let maximumAnswerBytes = 64 << 20

  let host: String
  let port: Int
  let timeout: Duration

  /// What came back.
  struct Answer {
    let body: [UInt8]

    var json: String { String(decoding: body, as: UTF8.self) }

    /// - Throws: ``ProgramError`` for another document than was asked for.
    func decoded<Document: Decodable>(_ type: Document.Type) throws(ProgramError) -> Document {
      do {
        return try JSONDecoder().decode(type, from: Data(body))
      } catch {
        throw ProgramError(
          "the coordinator's answer is not understood: \(error)",
          hint: "cs-admin and cs-coordinator of the same version")
      }
    }
  }

  /// - Throws: ``ProgramError`` whose status tells what is wrong: `unreachable`, `notFound`, `conflict` and so on.
  func get(_ path: String) async throws(ProgramError) -> Answer {
    try await request(.GET, path)
  }

  /// As ``get(_:)``, for what changes something.
  func post(_ path: String) async throws(ProgramError) -> Answer {
    try await request(.POST, path)
  }

  private func request(_ method: HTTPMethod, _ path: String) async throws(ProgramError) -> Answer {
    let response: HTTPExchange.Response
    do {
      response = try await exchange(method, path)
    } catch {
      throw ProgramError(
        "the coordinator at \(host):\(port) does not answer: \(Self.words(for: error))",
        hint: "cs-coordinator --admin \(host):\(port), or name another one with --coordinator",
        status: .unreachable)
    }
    guard response.status != .ok else { return Answer(body: response.body) }
    let document = try? JSONDecoder().decode(Failure.self, from: Data(response.body))
    throw ProgramError(
      document?.error ?? "the coordinator answered \(response.status)",
      status: Self.status(of: response.status.code))
  }

  private static func words(for error: any Error) -> String {
    guard let failure = error as? NIOConnectionError else { return "\(error)" }
    guard let cause = failure.connectionErrors.first?.error as? IOError else {
      return failure.dnsAError == nil ? "\(error)" : "the host is not known"
    }
    return systemErrorText(cause.errnoCode)
  }

  private struct Failure: Decodable {
    var error: String
  }

  private static func status(of code: UInt) -> ExitStatus {
    switch code {
    case 400, 405: .usage
    case 403: .denied
    case 404: .notFound
    case 409: .conflict
    case 503: .unreachable
    default: .failure
    }
  }

  private func exchange(
    _ method: HTTPMethod, _ path: String
  ) async throws -> HTTPExchange.Response {
    let group = MultiThreadedEventLoopGroup.singleton
    let loop = group.next()
    let promise = loop.makePromise(of: HTTPExchange.Response.self)
    let limit = TimeAmount.nanoseconds(
      timeout.components.seconds * 1_000_000_000 + timeout.components.attoseconds / 1_000_000_000)
    let timer = loop.scheduleTask(in: limit) { promise.fail(HTTPExchange.TimedOut()) }
    let channel: any Channel
    do {
      channel = try await ClientBootstrap(group: loop)
        .connectTimeout(limit)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(HTTPExchange(promise))
          }
        }
        .connect(host: host, port: port).get()
    } catch {
      timer.cancel()
      promise.fail(error)
      throw error
    }
    let head = HTTPRequestHead(
      version: .http1_1, method: method, uri: path,
      headers: ["Host": "\(host):\(port)", "Connection": "close", "Content-Length": "0"])
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    defer {
      timer.cancel()
      channel.close(promise: nil)
    }
    return try await promise.futureResult.get()
  }
}

/// Collects one response.
private final class HTTPExchange: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  struct Response: Sendable {
    var status: HTTPResponseStatus
    var body: [UInt8] = []
  }

  struct TimedOut: Error, CustomStringConvertible {
    var description: String { "the time is over" }
  }

  struct CutOff: Error, CustomStringConvertible {
    var description: String { "the connection ended before the answer" }
  }

  private let promise: EventLoopPromise<Response>
  private var response: Response?

  init(_ promise: EventLoopPromise<Response>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): response = Response(status: head.status)
    case .body(let part):
      response?.body += part.readableBytesView
      if (response?.body.count ?? 0) > AdminClient.maximumAnswerBytes { promise.fail(CutOff()) }
    case .end: if let response { promise.succeed(response) }
    }
  }

  func channelInactive(context: ChannelHandlerContext) { promise.fail(CutOff()) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    promise.fail(error)
    context.close(promise: nil)
  }
}
