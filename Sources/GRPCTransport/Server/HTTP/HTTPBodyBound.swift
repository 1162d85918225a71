/// How large the body of a request may be.
struct HTTPBodyBound: Hashable {
  let maximumBytes: Int
  /// How the response to a gRPC-Web request is written; `nil` for all other requests.
  private let webFormat: GRPCWebFormat?

  /// - Parameter maximumMessageBytes: for gRPC-Web the largest message, for all others the largest body.
  init(maximumMessageBytes: Int, contentType: String?, accept: String?) {
    let web = GRPCWebFormat(contentType: contentType)
    maximumBytes =
      web?.maximumBodyBytes(forMessagesOf: maximumMessageBytes) ?? maximumMessageBytes
    webFormat = web?.response(accept: accept)
  }

  /// The answer to a larger body.
  var refusal: HTTPRefusal {
    HTTPRefusal(
      status: 413, text: "the body is larger than \(maximumBytes) bytes",
      webAnswer: webFormat.map { .init(code: .resourceExhausted, format: $0) })
  }

  /// What is wrong with the length that a request announces, if anything.
  func refusal(contentLength value: String?) -> HTTPRefusal? {
    guard let value, let length = Int(value), length > maximumBytes else { return nil }
    return refusal
  }
}
