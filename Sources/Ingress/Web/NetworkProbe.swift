package import GRPCTransport
import NIOCore

/// Answers the probes by which a platform asks, through the network, whether a node takes requests (proxy
/// behaviour, section 13.4). All other requests are the next router's.
package struct NetworkProbe: HTTPServerRouter {
  private static let header = "k-network-probe"
  private static let expected = "queue"

  private let next: any HTTPServerRouter

  package init(next: any HTTPServerRouter) { self.next = next }

  package func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)? {
    guard let value = request.headers[Self.header] else {
      return next.handle(request, on: exchange)
    }
    let isExpected = value == Self.expected
    exchange.respond(
      HTTPResponseStart(
        status: isExpected ? 200 : 400, contentType: "text/plain; charset=utf-8"),
      body: ByteBuffer(string: isExpected ? value : "unexpected probe header value: \(value)"))
    return nil
  }
}
