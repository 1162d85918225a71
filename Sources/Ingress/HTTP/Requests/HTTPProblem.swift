import GRPCTransport

/// Why a request gets no answer of a method.
struct HTTPProblem: Error, Hashable {
  let httpStatus: Int
  /// What a gRPC client would get, for those who read `google.rpc.Status`.
  let code: GRPCStatus.Code
  /// What happened and what to do about it.
  let message: String
  /// Further response headers.
  var headers = GRPCMetadata()

  /// The request is not what the method's rule asks for.
  static func badRequest(_ message: String) -> HTTPProblem {
    HTTPProblem(httpStatus: 400, code: .invalidArgument, message: message)
  }

  static func notFound(_ message: String) -> HTTPProblem {
    HTTPProblem(httpStatus: 404, code: .notFound, message: message)
  }

  static func wrongVerb(_ verb: String, path: String, allowed: [String]) -> HTTPProblem {
    let list = allowed.joined(separator: ", ")
    var problem = HTTPProblem(
      httpStatus: 405, code: .unimplemented, message: "\(path) takes \(list), not \(verb)")
    problem.headers.add("allow", list)
    return problem
  }

  /// - Parameter limit: in bytes, expanded.
  static func bodyTooLarge(limit: Int) -> HTTPProblem {
    HTTPProblem(
      httpStatus: 413, code: .resourceExhausted,
      message: "the body expands to more than \(limit) bytes")
  }

  /// RFC 9110, 15.5.16: the answer names what would have been understood.
  static func unknownEncoding(_ encoding: String) -> HTTPProblem {
    var problem = HTTPProblem(
      httpStatus: 415, code: .invalidArgument,
      message: "bodies may be compressed with gzip, but the content-encoding is \(encoding)")
    problem.headers.add("accept-encoding", "gzip")
    return problem
  }
}
