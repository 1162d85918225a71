import NIOCore

/// Serves gRPC-Web: calls of browsers, which cannot speak gRPC themselves, over HTTP/1.1 and HTTP/2, in the
/// binary and in the text form. All other requests are the next router's.
///
/// A call goes to the same handlers as one of gRPC. What differs is that a browser sends all of its messages
/// before it reads the first answer.
package struct GRPCWebRouter: HTTPServerRouter {
  private let calls: any GRPCServerRouter
  private let maximumMessageBytes: Int
  private let next: any HTTPServerRouter

  /// - Parameters:
  ///   - calls: serves the calls.
  ///   - maximumMessageBytes: the largest message taken, also after decompression; a larger one ends its call
  ///     with RESOURCE_EXHAUSTED.
  ///   - next: serves what is no gRPC-Web.
  package init(
    calls: any GRPCServerRouter, maximumMessageBytes: Int, next: any HTTPServerRouter
  ) {
    self.calls = calls
    self.maximumMessageBytes = maximumMessageBytes
    self.next = next
  }

  package func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)? {
    guard let format = GRPCWebFormat(contentType: request.headers["content-type"]) else {
      return next.handle(request, on: exchange)
    }
    guard request.method == "POST" else {
      var start = HTTPResponseStart(status: 405, contentType: "text/plain; charset=utf-8")
      start.headers.add("allow", "POST")
      exchange.respond(start, body: ByteBuffer(string: "gRPC-Web calls are sent by POST\n"))
      return nil
    }
    let responseFormat = format.response(accept: request.headers["accept"])
    do throws(GRPCStatus) {
      let headers = try RequestHeaders(path: request.target, webHeaders: request.headers.headers)
      let call = GRPCWebCall(
        headers, metadata: request.headers, maximumMessageBytes: maximumMessageBytes,
        exchange: exchange, format: responseFormat)
      return call.start(calls, body: request.body, format: format)
    } catch {
      let answer = GRPCWebAnswers.failure(
        error, trailers: GRPCMetadata(), format: responseFormat)
      exchange.respond(answer.start, body: answer.body)
      return nil
    }
  }
}
