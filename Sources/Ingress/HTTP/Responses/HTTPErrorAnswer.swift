import CloudstateModel
import GRPCTransport
import NIOCore

/// The response to a request that failed (proxy behaviour, section 12.6).
struct HTTPErrorAnswer {
  let start: HTTPResponseStart
  let body: ByteBuffer

  /// The text of the user function's own refusals is always plain, as the reference has it; errors of the
  /// machinery are a `google.rpc.Status` for who prefers JSON.
  ///
  /// - Parameters:
  ///   - status: how the call ended.
  ///   - trailers: become headers; those of the machinery's errors name the error.
  init(_ status: GRPCStatus, trailers: GRPCMetadata, accept: AcceptHeader) {
    self.init(
      httpStatus: status.code.httpStatus, code: status.code, message: status.message,
      headers: trailers,
      isJSON: trailers[HeaderName.errorCode] != nil && accept.prefersJSON)
  }

  init(_ problem: HTTPProblem, accept: AcceptHeader) {
    self.init(
      httpStatus: problem.httpStatus, code: problem.code, message: problem.message,
      headers: problem.headers, isJSON: accept.prefersJSON)
  }

  private init(
    httpStatus: Int, code: GRPCStatus.Code, message: String, headers: GRPCMetadata, isJSON: Bool
  ) {
    start = HTTPResponseStart(
      status: httpStatus,
      contentType: isJSON ? MediaType.json : "text/plain; charset=utf-8", headers: headers)
    body = ByteBuffer(string: isJSON ? Self.statusJSON(code, message) : message)
  }

  private static func statusJSON(_ code: GRPCStatus.Code, _ message: String) -> String {
    let status: JSONValue = [
      "code": .number(code.rawValue), "message": .string(message), "details": [],
    ]
    return status.text
  }
}
