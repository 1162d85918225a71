import AccessControl
import CloudstateModel
import GRPCTransport

/// Holds a plain HTTP request until its token is verified, then serves it. Loop-bound to its exchange.
final class PendingExchange: HTTPServerExchangeHandler {
  private let exchange: any HTTPServerExchange
  private let request: HTTPServerRequest
  private let serve: (AccessRights) -> (any HTTPServerExchangeHandler)?
  /// Who serves the request, once it goes on.
  private var handler: (any HTTPServerExchangeHandler)?
  private var isOver = false

  init(
    _ exchange: any HTTPServerExchange, request: HTTPServerRequest,
    serve: @escaping (AccessRights) -> (any HTTPServerExchangeHandler)?
  ) {
    self.exchange = exchange
    self.request = request
    self.serve = serve
  }

  func verified(_ verification: Authenticator.Verification) {
    guard !isOver else { return }
    if case .admitted(let rights) = verification {
      handler = serve(rights)
      // The client may have been found gone meanwhile, when nobody was there to be told.
      if isOver { cancelled() }
    } else if let refusal = verification.refusal {
      Self.refuse(exchange, refusal, request)
    }
  }

  static func refuse(
    _ exchange: any HTTPServerExchange, _ error: CommandError, _ request: HTTPServerRequest
  ) {
    let accept = AcceptHeader(request.headers["accept"])
    let answer = HTTPErrorAnswer(HTTPProblem(error), accept: accept)
    exchange.respond(answer.start, body: answer.body)
  }

  func writabilityChanged(_ isWritable: Bool) { handler?.writabilityChanged(isWritable) }

  func cancelled() {
    isOver = true
    handler?.cancelled()
    handler = nil
  }
}
