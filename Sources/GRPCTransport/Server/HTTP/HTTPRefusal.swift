import NIOCore

/// The transport's own answer to a plain HTTP request that its router does not get to see.
struct HTTPRefusal: Error, Hashable {
  let status: Int
  /// For people; the body of the answer.
  let text: String

  var start: HTTPResponseStart {
    HTTPResponseStart(status: status, contentType: "text/plain; charset=utf-8")
  }

  var body: ByteBuffer { ByteBuffer(string: text + "\n") }

  static func bodyTooLarge(limit: Int) -> HTTPRefusal {
    HTTPRefusal(status: 413, text: "the body is larger than \(limit) bytes")
  }

  static func headTooLarge(limit: Int) -> HTTPRefusal {
    HTTPRefusal(status: 431, text: "the request line and headers are larger than \(limit) bytes")
  }

  static let timeout = HTTPRefusal(status: 408, text: "the request did not come in time")

  /// Why a content type is not for plain HTTP, if so.
  static func forContentType(_ value: String?, isHTTP2: Bool) -> HTTPRefusal? {
    guard let value, value.lowercased().hasPrefix("application/grpc") else { return nil }
    guard isGRPCContentType(value.lowercased()) else {
      return HTTPRefusal(
        status: 415,
        text: "gRPC-Web is not served here; send application/json, or gRPC over HTTP/2")
    }
    guard !isHTTP2 else { return nil }
    return HTTPRefusal(
      status: 415, text: "gRPC needs HTTP/2; over HTTP/1.1 this port takes application/json")
  }

  /// What is wrong with the length that a request announces, if anything.
  static func forContentLength(_ value: String?, limit: Int) -> HTTPRefusal? {
    guard let value, let length = Int(value), length > limit else { return nil }
    return .bodyTooLarge(limit: limit)
  }
}
