import CommandLineKit
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix

/// Asks a coordinator's administration listener: one connection for each request, plain HTTP/1.1 with JSON.
///
/// Of several coordinators one leads. They are asked in turn until one answers for the cluster, and one that stands
/// by tells where the leader is.
struct AdminClient: Sendable {
  /// More than this is no answer of a coordinator.
  static let maximumAnswerBytes = 64 << 20
  /// Leaders may change while they are asked for, but not for ever.
  private static let maximumReferrals = 3
  /// Between two rounds while coordinators elect a leader.
  private static let electionPause = Duration.milliseconds(200)

  /// A listener.
  struct Address: Hashable, Sendable, CustomStringConvertible {
    let host: String
    let port: Int

    /// Reads `HOST:PORT`, with brackets around an IPv6 address; `nil` for any other text.
    init?(_ text: some StringProtocol) {
      guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
        let port = UInt16(text[text.index(after: colon)...]), port > 0
      else { return nil }
      var host = String(text[..<colon])
      if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
      self.host = host
      self.port = Int(port)
    }

    /// Reads the address in the place a response sends on to, which names this path; `nil` for any other.
    init?(location: String, path: String) {
      guard location.hasPrefix("http://"), location.hasSuffix(path) else { return nil }
      self.init(location.dropFirst("http://".count).dropLast(path.count))
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
  }

  /// At least one.
  let addresses: [Address]
  /// For all that one request of ours takes.
  let timeout: Duration

  /// What came back.
  struct Answer {
    let body: [UInt8]

    init(body: [UInt8]) { self.body = body }

    /// A document that was made of an answer.
    init(_ document: some Encodable) throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      body = Array(try encoder.encode(document))
    }

    /// For programs: indented as `json`, else on one line.
    func json(_ format: OutputFormat) -> String {
      let line = String(decoding: body, as: UTF8.self)
      return format == .json ? JSONText.pretty(document: line) : line
    }

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
    let end = ContinuousClock.now + timeout
    while true {
      let round = try await askAll(method, path, until: end)
      switch round {
      case .answered(let answer): return answer
      case .failed(let reasons, let isElecting):
        if isElecting, end - .now > Self.electionPause {
          // Coordinators elect a leader within seconds.
          do {
            try await Task.sleep(for: Self.electionPause)
            continue
          } catch {
            // Cancelled: what is known is said.
          }
        }
        throw ProgramError(
          reasons.joined(separator: "; "),
          hint: "cs-coordinator --admin \(addresses[0]), or name others with --coordinator",
          status: .unreachable)
      }
    }
  }

  private enum Round {
    case answered(Answer)
    /// Why, one reason for each that was asked, and whether another round may go better.
    case failed([String], isElecting: Bool)
  }

  /// Asks each coordinator once, and the leader that one of them names.
  private func askAll(
    _ method: HTTPMethod, _ path: String, until end: ContinuousClock.Instant
  ) async throws(ProgramError) -> Round {
    var waiting = addresses[...]
    var reasons: [String] = []
    var referrals = 0
    var isElecting = false
    while let address = waiting.popFirst() {
      // The others get their share of the time, too.
      let left = end - .now
      guard left > .zero else { break }
      let response: HTTPExchange.Response
      do {
        response = try await exchange(
          method, path, at: address, within: left / (waiting.count + 1))
      } catch {
        reasons.append("the coordinator at \(address) does not answer: \(Self.words(for: error))")
        // What was sent to one may have been done, although no answer came.
        guard method == .GET || error is NIOConnectionError else {
          return .failed(reasons, isElecting: false)
        }
        continue
      }
      switch response.status {
      case .ok: return .answered(Answer(body: response.body))
      case .temporaryRedirect:
        reasons.append("\(address): \(Self.reason(response))")
        // If it leads nowhere, another one is about to lead.
        isElecting = true
        guard let leader = response.location.flatMap({ Address(location: $0, path: path) }),
          referrals < Self.maximumReferrals
        else { continue }
        referrals += 1
        waiting = [leader] + waiting.filter { $0 != leader }
      case .misdirectedRequest:
        reasons.append("\(address): \(Self.reason(response))")
        if response.mayChange { isElecting = true }
      default:
        throw ProgramError(
          Self.reason(response), status: Self.status(of: response.status.code))
      }
    }
    return .failed(reasons, isElecting: isElecting)
  }

  private static func reason(_ response: HTTPExchange.Response) -> String {
    let document = try? JSONDecoder().decode(Failure.self, from: Data(response.body))
    return document?.error ?? "the coordinator answered \(response.status)"
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
    _ method: HTTPMethod, _ path: String, at address: Address, within timeout: Duration
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
        .connect(host: address.host, port: address.port).get()
    } catch {
      timer.cancel()
      promise.fail(error)
      throw error
    }
    let head = HTTPRequestHead(
      version: .http1_1, method: method, uri: path,
      headers: ["Host": "\(address)", "Connection": "close", "Content-Length": "0"])
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
    /// Where to ask instead.
    var location: String?
    /// Whether to ask again later.
    var mayChange = false
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
    case .head(let head):
      response = Response(
        status: head.status, location: head.headers.first(name: "Location"),
        mayChange: head.headers.contains(name: "Retry-After"))
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
