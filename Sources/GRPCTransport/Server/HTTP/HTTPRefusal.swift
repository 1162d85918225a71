import NIOCore

/// The transport's own answer to a plain HTTP request that its router does not get to see.
struct HTTPRefusal: Error, Hashable {
  let status: Int
  /// For people; the body of the answer.
  let text: String

  /// Set where the client speaks gRPC-Web: it wants a gRPC status, not one of HTTP.
  var webAnswer: WebAnswer?

  /// What a gRPC-Web client is told.
  struct WebAnswer: Hashable {
    let code: GRPCStatus.Code
    let format: GRPCWebFormat
  }

  init(status: Int, text: String, webAnswer: WebAnswer? = nil) {
    self.status = status
    self.text = text
    self.webAnswer = webAnswer
  }

  var answer: (start: HTTPResponseStart, body: ByteBuffer) {
    guard let webAnswer else {
      return (
        HTTPResponseStart(status: status, contentType: "text/plain; charset=utf-8"),
        ByteBuffer(string: text + "\n")
      )
    }
    return GRPCWebAnswers.failure(
      GRPCStatus(webAnswer.code, text), trailers: GRPCMetadata(), format: webAnswer.format)
  }

  static func headTooLarge(limit: Int) -> HTTPRefusal {
    HTTPRefusal(status: 431, text: "the request line and headers are larger than \(limit) bytes")
  }

  static let timeout = HTTPRefusal(status: 408, text: "the request did not come in time")

  /// Why a content type is not for plain HTTP, if so.
  static func forContentType(_ value: String?, isHTTP2: Bool) -> HTTPRefusal? {
    guard let value = value?.lowercased(), value.hasPrefix("application/grpc"),
      GRPCWebFormat(contentType: value) == nil
    else { return nil }
    guard isGRPCContentType(value) else {
      return HTTPRefusal(
        status: 415,
        text: "\(value) is not known here; send application/json, application/grpc-web, or "
          + "application/grpc over HTTP/2")
    }
    guard !isHTTP2 else { return nil }
    return HTTPRefusal(
      status: 415,
      text: "gRPC needs HTTP/2; over HTTP/1.1 this port takes application/json and "
        + "application/grpc-web")
  }
}
