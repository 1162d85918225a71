/// One step of an action case through the proxy. Texts are in the notation of ``ActionScript``.
enum ProxyActionStep: Hashable, Sendable {
  /// What passes the interceptor.
  enum Traffic: Hashable, Sendable {
    /// The proxy sends names and request in one message.
    case call(String)
    /// The proxy sends names alone.
    case header
    /// The proxy sends a request alone.
    case request(String)
    /// The proxy sends a call of the second service with this id.
    case callTwo(String)
    /// The proxy completes its side.
    case proxyEnds
    /// The proxy breaks its side off.
    case proxyCancels
    /// The user function sends a response.
    case response(String)
    /// The user function completes its side.
    case functionEnds
  }

  /// A client opens a call.
  case opens(ActionShape)
  /// The client sends a request.
  case sends(String)
  /// The client half-closes.
  case halfCloses
  /// The client gets a message with this text.
  case gets(String)
  /// The client sees the call complete.
  case getsEnd
  /// The client's call ends with an error of exactly this text.
  case getsFailure(String)
  /// A client posts a request over HTTP, and gets this.
  case posts(String, HTTPExpectation)
  /// The interceptor sees a new call of this shape.
  case connection(ActionShape)
  /// The newest call of this shape carries this.
  case passes(ActionShape, Traffic)
}

extension ProxyActionStep: CustomStringConvertible {
  /// For the clause of a case.
  var description: String {
    switch self {
    case .opens(let shape): "a client calls \(shape.methodName)"
    case .sends(let request): "sends \(request)"
    case .halfCloses: "half-closes"
    case .gets(let text): "gets \"\(text)\""
    case .getsEnd: "gets the end"
    case .getsFailure(let text): "gets the error \"\(text)\""
    case .posts(let request, .message(let text)): "posts \(request), gets \"\(text)\""
    case .posts(let request, .body(let json)): "posts \(request), gets \(json)"
    case .posts(let request, .failure(let text)): "posts \(request), gets the error \"\(text)\""
    case .connection(let shape): "new \(shape.rawValue)"
    case .passes(_, let traffic): traffic.description
    }
  }
}

extension ProxyActionStep.Traffic: CustomStringConvertible {
  /// For clauses and reports.
  var description: String {
    switch self {
    case .call(let request): "in call \(request)"
    case .header: "in header"
    case .request(let request): "in \(request)"
    case .callTwo(let id): "in ActionTwo/Call \(id)"
    case .proxyEnds: "in completed"
    case .proxyCancels: "in cancelled"
    case .response(let response): "out \(response)"
    case .functionEnds: "out completed"
    }
  }
}
