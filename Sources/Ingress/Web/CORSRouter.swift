package import GRPCTransport
import NIOCore

/// Lets pages of other origins use what the next router serves, as far as a policy goes.
package struct CORSRouter: HTTPServerRouter {
  private let policy: CORSPolicy
  private let next: any HTTPServerRouter

  package init(policy: CORSPolicy, next: any HTTPServerRouter) {
    self.policy = policy
    self.next = next
  }

  package func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)? {
    switch policy.decision(method: request.method, headers: request.headers) {
    case .serve(let headers):
      return next.handle(request, on: CORSExchange(exchange, headers: headers))
    case .answer(let start):
      exchange.respond(start, body: ByteBuffer())
    case .refuse(let start, let text):
      exchange.respond(start, body: ByteBuffer(string: text))
    }
    return nil
  }
}

/// An exchange whose response gets headers for the browser. Loop-bound.
private final class CORSExchange: HTTPServerExchange {
  private let exchange: any HTTPServerExchange
  private let headers: CORSPolicy.ResponseHeaders

  init(_ exchange: any HTTPServerExchange, headers: CORSPolicy.ResponseHeaders) {
    self.exchange = exchange
    self.headers = headers
  }

  var eventLoop: any EventLoop { exchange.eventLoop }
  var peer: ConnectionPeer { exchange.peer }
  var isWritable: Bool { exchange.isWritable }

  func respond(_ start: HTTPResponseStart, body: ByteBuffer) {
    exchange.respond(headers.applied(to: start), body: body)
  }

  func begin(_ start: HTTPResponseStart) { exchange.begin(headers.applied(to: start)) }
  func send(_ bytes: ByteBuffer) { exchange.send(bytes) }
  func end() { exchange.end() }
  func abort() { exchange.abort() }
}
