import NIOCore

/// How the body of a gRPC-Web request or response is written, as its content type says (gRPC-Web, "Protocol
/// differences vs gRPC over HTTP2").
struct GRPCWebFormat: Hashable {
  private static let name = "application/grpc-web"
  private static let textSuffix = "-text"

  /// Whether the body is base64 of the frames.
  let isText: Bool
  /// The name of the messages' format with its `+`, such as `+proto`, or nothing.
  let subtype: String

  init(isText: Bool, subtype: String) {
    self.isText = isText
    self.subtype = subtype
  }

  /// `nil` for what is no content type of gRPC-Web. Parameters are not looked at.
  init?(contentType: String?) {
    guard let name = contentType?.split(separator: ";").first?.lowercased() else { return nil }
    var rest = name.drop { $0 == " " }
    while rest.last == " " { rest.removeLast() }
    guard rest.hasPrefix(Self.name) else { return nil }
    rest = rest.dropFirst(Self.name.count)
    isText = rest.hasPrefix(Self.textSuffix)
    if isText { rest = rest.dropFirst(Self.textSuffix.count) }
    guard rest.isEmpty || rest.first == "+" else { return nil }
    subtype = String(rest)
  }

  var contentType: String { Self.name + (isText ? Self.textSuffix : "") + subtype }

  /// The format of the response to a request in this one: the first that the client's `Accept` names, else the
  /// same.
  func response(accept: String?) -> GRPCWebFormat {
    for type in accept?.split(separator: ",") ?? [] {
      if let named = GRPCWebFormat(contentType: String(type)) {
        return GRPCWebFormat(isText: named.isText, subtype: subtype)
      }
    }
    return self
  }

  /// The largest body in which one message of `maximumMessageBytes` has room. All messages of a call share it.
  func maximumBodyBytes(forMessagesOf maximumMessageBytes: Int) -> Int {
    let (framed, overflow) = maximumMessageBytes.addingReportingOverflow(MessageDecoder.prefixBytes)
    guard !overflow else { return .max }
    guard isText else { return framed }
    let (text, isHuge) = (framed / 3 + 1).multipliedReportingOverflow(by: 4)
    return isHuge ? .max : text
  }

  /// Frames as they are written in a body. Every call makes a piece that stands for itself.
  func encode(_ frames: ByteBuffer) -> ByteBuffer {
    isText ? ByteBuffer(bytes: Base64.encodePiece([UInt8](buffer: frames))) : frames
  }

  /// The frames of a body.
  ///
  /// - Returns: `nil` for a text that is not base64.
  func decode(_ body: ByteBuffer) -> ByteBuffer? {
    isText ? Base64.decodePieces([UInt8](buffer: body)).map { ByteBuffer(bytes: $0) } : body
  }
}
