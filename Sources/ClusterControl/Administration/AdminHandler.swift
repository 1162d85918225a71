import Logging
import NIOCore
import NIOHTTP1

/// One connection of an operator: plain HTTP/1.1 with JSON, one request after the other.
final class AdminHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// No request has content of any meaning.
  private static let maximumBodyBytes = 64 << 10

  private let desk: AdminDesk
  private let answers: OpenAnswers
  private let logger: Logger
  private var head: HTTPRequestHead?
  private var bodyBytes = 0

  init(desk: AdminDesk, answers: OpenAnswers, logger: Logger) {
    self.desk = desk
    self.answers = answers
    self.logger = logger
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      bodyBytes = 0
    case .body(let part):
      bodyBytes += part.readableBytes
      guard bodyBytes > Self.maximumBodyBytes, let head else { return }
      self.head = nil
      let refusal = AdminResponse(error: "requests need no content", status: 413)
      write(refusal, to: head, isLast: true, context: context)
    case .end:
      guard let head else { return }
      self.head = nil
      answer(head, context: context)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // The client is silent for long.
    if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("administration: \(error)")
    context.close(promise: nil)
  }

  private func answer(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
    // A page in a browser on this machine must not reach the coordinator: nobody is asked who they are here.
    let isBrowser =
      head.headers.contains(name: "Origin") || head.headers.contains(name: "Sec-Fetch-Site")
    guard !isBrowser else {
      let refusal = AdminResponse(
        error: "browsers are not served here; use cs-admin or curl", status: 403)
      write(refusal, to: head, isLast: !head.isKeepAlive, context: context)
      return
    }
    let route: AdminRoute
    do throws(AdminRoute.Refusal) {
      route = try AdminRoute(method: head.method.rawValue, target: head.uri)
    } catch {
      let refusal = AdminResponse(error: error.message, status: error.status)
      write(refusal, to: head, isLast: !head.isKeepAlive, context: context)
      return
    }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    answers.began()
    desk.respond(to: route, target: head.uri, on: context.eventLoop).whenComplete { result in
      let (handler, context) = bound.value
      let response: AdminResponse
      switch result {
      case .success(let answer): response = answer
      case .failure(let error):
        response = AdminResponse(error: "the coordinator cannot answer: \(error)", status: 503)
      }
      handler.write(response, to: head, isLast: !head.isKeepAlive, context: context)
        .whenComplete { [answers = handler.answers] _ in answers.ended() }
    }
  }

  @discardableResult
  private func write(
    _ response: AdminResponse, to head: HTTPRequestHead, isLast: Bool,
    context: ChannelHandlerContext
  ) -> EventLoopFuture<Void> {
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: "application/json")
    headers.add(name: "Content-Length", value: "\(response.body.count)")
    headers.add(name: "Cache-Control", value: "no-store")
    headers.add(name: "X-Content-Type-Options", value: "nosniff")
    if let location = response.location { headers.add(name: "Location", value: location) }
    if let seconds = response.retryAfter { headers.add(name: "Retry-After", value: "\(seconds)") }
    if isLast { headers.add(name: "Connection", value: "close") }
    let answer = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
    context.write(wrapOutboundOut(.head(answer)), promise: nil)
    if head.method != .HEAD {
      let body = context.channel.allocator.buffer(bytes: response.body)
      context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    if isLast {
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      end.whenComplete { _ in bound.value.close(promise: nil) }
    }
    return end
  }
}
