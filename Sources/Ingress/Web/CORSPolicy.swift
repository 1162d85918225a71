import CloudstateModel
package import GRPCTransport
import NIOHPACK

/// Which pages of other origins a browser lets use this node ("Fetch" standard, 3.2, "CORS protocol"). Pure.
///
/// The policy keeps nobody out but pages in browsers: it is the browser that asks and that obeys.
package struct CORSPolicy: Hashable, Sendable {
  package enum Origins: Hashable, Sendable {
    /// Every page in the world; never with credentials.
    case any
    case listed(Set<WebOrigin>)
  }

  /// What to do with a request.
  package enum Decision: Hashable, Sendable {
    /// Serve it, and add these to the headers of its response.
    case serve(ResponseHeaders)
    /// Answer the browser's question whether a page may send a request.
    case answer(HTTPResponseStart)
    /// Answer it in the negative, with this text.
    case refuse(HTTPResponseStart, text: String)
  }

  /// What the response to a request gets.
  package struct ResponseHeaders: Hashable, Sendable {
    /// Whatever the response is.
    var always: GRPCMetadata
    /// Whether the page may read the response, with all of its headers.
    var exposes: Bool
  }

  let origins: Origins
  /// Whether pages may send cookies and certificates of the browser.
  let allowsCredentials: Bool
  /// How long a browser may remember an answer, in seconds.
  let maximumAge: Int

  package init(origins: Origins, allowsCredentials: Bool, maximumAge: Int) {
    self.origins = origins
    self.allowsCredentials = allowsCredentials
    self.maximumAge = maximumAge
  }

  package func decision(method: String, headers: GRPCMetadata) -> Decision {
    let origin = headers["origin"]
    let allowed = origin.flatMap(allowOrigin)
    guard method == "OPTIONS", let origin, let wanted = headers["access-control-request-method"]
    else { return .serve(ResponseHeaders(always: common(allowed), exposes: allowed != nil)) }
    guard allowed != nil else {
      let start = HTTPResponseStart(
        status: 403, contentType: "text/plain; charset=utf-8", headers: common(nil))
      return .refuse(
        start,
        text: "pages of \(origin) may not use this node; who runs it can add the origin to "
          + "--cors-origins\n")
    }
    var start = HTTPResponseStart(status: 204, contentType: nil, headers: common(allowed))
    var methods = Self.methods
    if !methods.contains(wanted), Self.isToken(wanted) { methods.append(wanted) }
    start.headers.add("access-control-allow-methods", methods.joined(separator: ", "))
    let names = headers.headers[canonicalForm: "access-control-request-headers"]
      .filter(Self.isToken)
    if !names.isEmpty {
      start.headers.add("access-control-allow-headers", names.joined(separator: ", "))
    }
    start.headers.add("access-control-max-age", "\(maximumAge)")
    return .answer(start)
  }

  /// The verbs of `google.api.http` rules. Others that a rule names are allowed when they are asked for.
  private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

  /// The value that allows an origin.
  private func allowOrigin(_ origin: String) -> String? {
    switch origins {
    case .any: "*"
    case .listed(let listed): listed.contains { $0.text == origin } ? origin : nil
    }
  }

  /// - Parameter allowed: of ``allowOrigin(_:)``.
  private func common(_ allowed: String?) -> GRPCMetadata {
    var headers = GRPCMetadata()
    // A cache must not hand the answer for one origin to another one.
    if origins != .any { headers.add("vary", "origin") }
    if let allowed {
      headers.add("access-control-allow-origin", allowed)
      if allowsCredentials { headers.add("access-control-allow-credentials", "true") }
    }
    return headers
  }

  /// Whether a text is a name by RFC 9110, 5.6.2.
  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }
}

extension CORSPolicy.ResponseHeaders {
  /// Names of headers and trailers that a page may read although no response that only begins names them.
  private static let exposed = [
    "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding",
    "grpc-accept-encoding", HeaderName.commitment, HeaderName.errorCode, HeaderName.retryable,
  ]

  /// The response with its headers. What the function says about other origins does not count: the node's
  /// policy does.
  package func applied(to start: HTTPResponseStart) -> HTTPResponseStart {
    let headers = start.headers
    var start = start
    start.headers = GRPCMetadata()
    for (name, value, indexing) in headers.headers where !isOfPolicy(name) {
      start.headers.headers.add(name: name, value: value, indexing: indexing)
    }
    let names = start.headerNames.map { $0.lowercased() }.filter { !Self.exposed.contains($0) }
    for (name, value, _) in always.headers { start.headers.add(name, value) }
    if exposes {
      start.headers.add(
        "access-control-expose-headers", (Self.exposed + names).joined(separator: ", "))
    }
    return start
  }

  private func isOfPolicy(_ name: String) -> Bool {
    name.lowercased().hasPrefix("access-control-")
  }
}
