import AccessControl
import DynamicProtobuf
package import GRPCTransport
import NIOCore
import Synchronization

/// The methods of the user function over HTTP with JSON (proxy behaviour, section 12). Shared by all
/// connections.
package final class HTTPTranscoder: HTTPServerRouter {
  private let current: Mutex<HTTPBindings>
  private let gate: AccessGate

  /// - Parameter gate: before the API that serves the calls that requests stand for.
  package init(bindings: HTTPBindings, gate: AccessGate) {
    current = Mutex(bindings)
    self.gate = gate
  }

  private var ingress: Ingress { gate.ingress }

  /// Serves these from the next request on.
  package func update(_ bindings: HTTPBindings) { current.withLock { $0 = bindings } }

  package func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)? {
    gate.handle(request, on: exchange) { rights in
      self.handle(request, rights, on: exchange)
    }
  }

  private func handle(
    _ request: HTTPServerRequest, _ rights: AccessRights, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)? {
    let accept = AcceptHeader(request.headers["accept"])
    do throws(HTTPProblem) {
      return try open(request, rights, accept, exchange)
    } catch {
      let answer = HTTPErrorAnswer(error, accept: accept)
      exchange.respond(answer.start, body: answer.body)
      return nil
    }
  }

  private func open(
    _ request: HTTPServerRequest, _ rights: AccessRights, _ accept: AcceptHeader,
    _ exchange: any HTTPServerExchange
  ) throws(HTTPProblem) -> any HTTPServerExchangeHandler {
    let target = RequestTarget(request.target)
    let bindings = current.withLock { $0 }
    let found: (HTTPBinding, [Range<Int>])
    do {
      found = try find(request.method, target, in: bindings)
    } catch {
      throw ingress.mayKnowAll(rights) ? error : HTTPProblem(AccessRefusal.denied)
    }
    let (binding, captures) = found
    // Before anything of the body is looked at.
    guard ingress.permits(binding.methodPath, rights) else {
      throw HTTPProblem(AccessRefusal.denied)
    }
    let pool = bindings.pool
    let message = try RequestMessageReader(pool: pool, binding: binding)
      .message(request, target: target, captures: captures)
    let call = TranscodedCall(
      path: binding.methodPath, metadata: request.headers, exchange: exchange,
      form: ReplyForm(pool: pool, binding: binding, accept: accept), accept: accept,
      report: ingress.report)
    guard let handler = ingress.handler(for: call, rights: rights) else {
      throw HTTPProblem(
        httpStatus: 501, code: .unimplemented,
        message: "this node does not serve \(binding.methodPath)")
    }
    call.start(handler, with: message)
    return call
  }

  private func find(
    _ verb: String, _ target: RequestTarget, in bindings: HTTPBindings
  ) throws(HTTPProblem) -> (HTTPBinding, [Range<Int>]) {
    let path = target.pathText
    switch bindings.find(verb: verb, path: target.path) {
    case .binding(let binding, let captures): return (binding, captures)
    case .wrongVerb(let allowed):
      throw .wrongVerb(verb, path: path, allowed: allowed)
    case .nothing:
      guard let ways = bindings.hint(forMethodPath: path) else {
        throw .notFound("nothing is served at \(path)")
      }
      throw .notFound("nothing is served at \(path), but the method is at \(ways)")
    }
  }
}
