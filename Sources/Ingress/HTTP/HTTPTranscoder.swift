import AccessControl
import DynamicProtobuf
package import GRPCTransport
import NIOCore
import NIOHPACK
import Synchronization

/// The methods of the user function over HTTP with JSON (proxy behaviour, section 12), and the document that
/// describes them. Shared by all connections.
package final class HTTPTranscoder: HTTPServerRouter {
  /// What is served together.
  private struct Served {
    let bindings: HTTPBindings
    /// The text at ``OpenAPIDocument/path``, if it is served.
    let document: ByteBuffer?

    init(_ bindings: HTTPBindings, _ configuration: HTTPTranscoderConfiguration) {
      self.bindings = bindings
      document =
        configuration.servesOpenAPI
        ? ByteBuffer(string: OpenAPIDocument(bindings).json.text) : nil
    }
  }

  private let current: Mutex<Served>
  private let configuration: HTTPTranscoderConfiguration
  private let gate: AccessGate

  /// - Parameter gate: before the API that serves the calls that requests stand for.
  package init(
    bindings: HTTPBindings, configuration: HTTPTranscoderConfiguration, gate: AccessGate
  ) {
    current = Mutex(Served(bindings, configuration))
    self.configuration = configuration
    self.gate = gate
  }

  private var ingress: Ingress { gate.ingress }

  /// Serves these from the next request on.
  package func update(_ bindings: HTTPBindings) {
    let served = Served(bindings, configuration)
    current.withLock { $0 = served }
  }

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
    let exchange = compressing(exchange, for: request)
    do throws(HTTPProblem) {
      return try open(request, rights, accept, exchange)
    } catch {
      let answer = HTTPErrorAnswer(error, accept: accept)
      exchange.respond(answer.start, body: answer.body)
      return nil
    }
  }

  private func compressing(
    _ exchange: any HTTPServerExchange, for request: HTTPServerRequest
  ) -> any HTTPServerExchange {
    guard let leastBytes = configuration.leastBytesToCompress else { return exchange }
    let accepted = request.headers.headers["accept-encoding"].joined(separator: ",")
    return CompressedExchange(
      exchange, accepted: AcceptEncoding(accepted), leastBytes: leastBytes)
  }

  private func open(
    _ request: HTTPServerRequest, _ rights: AccessRights, _ accept: AcceptHeader,
    _ exchange: any HTTPServerExchange
  ) throws(HTTPProblem) -> (any HTTPServerExchangeHandler)? {
    let target = RequestTarget(request.target)
    let served = current.withLock { $0 }
    let bindings = served.bindings
    let found = bindings.find(verb: request.method, path: target.path)
    let binding: HTTPBinding
    let captures: [Range<Int>]
    do throws(HTTPProblem) {
      if case .nothing = found, target.pathText == OpenAPIDocument.path,
        let document = served.document, ingress.mayKnowAll(rights)
      {
        try respond(document, to: request, exchange)
        return nil
      }
      (binding, captures) = try Self.binding(found, request.method, target, in: bindings)
    } catch {
      throw ingress.mayKnowAll(rights) ? error : HTTPProblem(AccessRefusal.denied)
    }
    // Before anything of the body is looked at.
    guard ingress.permits(binding.methodPath, rights) else {
      throw HTTPProblem(AccessRefusal.denied)
    }
    let pool = bindings.pool
    let request =
      binding.body == .none
      ? request : try request.expanded(maximumBytes: configuration.maximumBodyBytes)
    let message = try RequestMessageReader(pool: pool, binding: binding)
      .message(request, target: target, captures: captures)
    let call = TranscodedCall(
      path: binding.methodPath, metadata: request.headers, exchange: exchange,
      form: ReplyForm(pool: pool, binding: binding, accept: accept), accept: accept,
      isHead: request.method == "HEAD", report: ingress.report)
    guard let handler = gate.handler(for: call, rights: rights) else {
      throw HTTPProblem(
        httpStatus: 501, code: .unimplemented,
        message: "this node does not serve \(binding.methodPath)")
    }
    call.start(handler, with: message)
    return call
  }

  private func respond(
    _ document: ByteBuffer, to request: HTTPServerRequest, _ exchange: any HTTPServerExchange
  ) throws(HTTPProblem) {
    guard request.method == "GET" || request.method == "HEAD" else {
      throw .wrongVerb(request.method, path: OpenAPIDocument.path, allowed: ["GET", "HEAD"])
    }
    exchange.respond(HTTPResponseStart(status: 200, contentType: MediaType.json), body: document)
  }

  private static func binding(
    _ found: HTTPBindings.Found, _ verb: String, _ target: RequestTarget,
    in bindings: HTTPBindings
  ) throws(HTTPProblem) -> (HTTPBinding, [Range<Int>]) {
    let path = target.pathText
    switch found {
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
