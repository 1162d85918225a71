import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Makes requests over HTTP/1.1, each on a connection of its own: enough for one request in some seconds.
struct HTTPRequester: Sendable {
  struct Answer: Hashable, Sendable {
    var status: Int
    var body: [UInt8]
  }

  let host: String
  let port: Int
  /// The whole of a request, from the connection to the last byte of the answer.
  let timeout: Duration
  /// A longer answer is given up.
  let maximumBody: Int
  private let tls: NIOSSLContext?

  /// - Parameter authorityFile: the authorities (PEM) whose servers are trusted; `nil` for plain text.
  /// - Throws: ``ScalerError`` with `.invalidConfiguration` if the file cannot be used.
  init(
    host: String, port: Int, authorityFile: String?, timeout: Duration, maximumBody: Int
  ) throws(ScalerError) {
    self.host = host
    self.port = port
    self.timeout = timeout
    self.maximumBody = maximumBody
    guard let authorityFile else {
      tls = nil
      return
    }
    do {
      var configuration = TLSConfiguration.makeClientConfiguration()
      configuration.minimumTLSVersion = .tlsv12
      configuration.applicationProtocols = ["http/1.1"]
      configuration.trustRoots = .certificates(
        try NIOSSLCertificate.fromPEMFile(authorityFile))
      tls = try NIOSSLContext(configuration: configuration)
    } catch {
      throw ScalerError(
        .invalidConfiguration,
        "the file of authorities \(authorityFile) cannot be used: \(error)")
    }
  }

  /// - Parameters:
  ///   - target: path and query, escaped.
  ///   - headers: besides those that every request has.
  /// - Throws: ``ScalerError`` with `.unreachable`, `.timeout` or `.malformedAnswer`.
  func send(
    _ method: HTTPMethod, _ target: String, headers: [(String, String)] = [], body: [UInt8] = []
  ) async throws(ScalerError) -> Answer {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let answer = eventLoop.makePromise(of: Answer.self)
    let exchange = Exchange(
      head: requestHead(method, target, headers: headers, length: body.count), body: body,
      maximumBody: maximumBody, answer: answer)
    let deadline = eventLoop.scheduleTask(in: timeout.timeAmount) {
      answer.fail(ScalerError(.timeout, "\(host):\(port) did not answer within \(timeout)"))
    }
    let connection = ClientBootstrap(group: eventLoop)
      .connectTimeout(timeout.timeAmount)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(
              NIOSSLClientHandler(context: tls, serverHostname: hostName))
          }
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          try channel.pipeline.syncOperations.addHandler(ExchangeHandler(exchange))
        }
      }
      .connect(host: host, port: port)
    connection.whenFailure { answer.fail($0) }
    // Whatever the answer is, the connection has done its work; one that is made too late, too.
    answer.futureResult.whenComplete { _ in
      deadline.cancel()
      connection.whenSuccess { $0.close(promise: nil) }
    }
    do {
      return try await withTaskCancellationHandler {
        try await answer.futureResult.get()
      } onCancel: {
        answer.fail(ScalerError(.failed, "nobody waits any more for \(host):\(port)"))
      }
    } catch let error as ScalerError {
      throw error
    } catch {
      throw ScalerError(.unreachable, "\(host):\(port) cannot be reached: \(error)")
    }
  }

  private func requestHead(
    _ method: HTTPMethod, _ target: String, headers: [(String, String)], length: Int
  ) -> HTTPRequestHead {
    var head = HTTPRequestHead(version: .http1_1, method: method, uri: target)
    head.headers.add(
      name: "Host", value: host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
    head.headers.add(name: "Connection", value: "close")
    for (name, value) in headers { head.headers.add(name: name, value: value) }
    if length > 0 { head.headers.add(name: "Content-Length", value: "\(length)") }
    return head
  }

  /// An address has no name to send (RFC 6066, 3); the library then checks the certificate for the address.
  private var hostName: String? {
    var buffer = in6_addr()
    let isAddress =
      inet_pton(AF_INET, host, &buffer) == 1 || inet_pton(AF_INET6, host, &buffer) == 1
    return isAddress ? nil : host
  }
}

/// One request and the promise of its answer.
private struct Exchange: Sendable {
  let head: HTTPRequestHead
  let body: [UInt8]
  let maximumBody: Int
  let answer: EventLoopPromise<HTTPRequester.Answer>
}

private final class ExchangeHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let exchange: Exchange
  private var status = 0
  private var body: [UInt8] = []

  init(_ exchange: Exchange) { self.exchange = exchange }

  func channelActive(context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.head(exchange.head)), promise: nil)
    if !exchange.body.isEmpty {
      let bytes = context.channel.allocator.buffer(bytes: exchange.body)
      context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): status = Int(head.status.code)
    case .body(let bytes):
      guard body.count + bytes.readableBytes <= exchange.maximumBody else {
        exchange.answer.fail(
          ScalerError(
            .malformedAnswer, "the answer is longer than \(exchange.maximumBody) bytes"))
        return
      }
      body += bytes.readableBytesView
    case .end: exchange.answer.succeed(HTTPRequester.Answer(status: status, body: body))
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    exchange.answer.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { exchange.answer.fail(ChannelError.eof) }
}
