import NIOCore
import NIOHPACK

/// What the headers of a request say, read in one pass (gRPC over HTTP/2, "Requests").
struct RequestHeaders {
  /// Why a request is not let through.
  enum Refusal: Error {
    /// Not gRPC at all: answered with an HTTP status and nothing else.
    case http(status: String, allow: String?)
    /// gRPC, but not served.
    case grpc(GRPCStatus)
  }

  /// `:path`.
  var path: String
  /// `grpc-timeout`, if there is one.
  var timeout: TimeAmount?
  /// `grpc-encoding`: how flagged messages are compressed.
  var encoding = MessageEncoding.identity
  /// Whether `grpc-accept-encoding` lists gzip.
  var acceptsGzip = false

  /// Reads a header block; throws what to answer instead of serving it.
  init(_ headers: HPACKHeaders) throws(Refusal) {
    var method = ""
    var path = ""
    var contentType = ""
    var timeout: String?
    var encoding: String?
    for (name, value, _) in headers {
      switch name {
      case ":method": method = value
      case ":path": path = value
      case "content-type": contentType = value
      case "grpc-timeout": timeout = value
      case "grpc-encoding": encoding = value
      case "grpc-accept-encoding": acceptsGzip = MessageEncoding.acceptsGzip(value)
      default: continue
      }
    }
    self.path = path
    guard method == "POST" else { throw .http(status: "405", allow: "POST") }
    guard isGRPCContentType(contentType) else { throw .http(status: "415", allow: nil) }
    do throws(GRPCStatus) {
      try read(encoding: encoding, timeout: timeout)
    } catch {
      throw .grpc(error)
    }
  }

  /// Reads the headers of a gRPC-Web request, whose method and content type have been looked at; throws how to
  /// end its call.
  init(path: String, webHeaders headers: HPACKHeaders) throws(GRPCStatus) {
    self.path = path
    acceptsGzip = MessageEncoding.acceptsGzip(headers.first(name: "grpc-accept-encoding"))
    try read(
      encoding: headers.first(name: "grpc-encoding"), timeout: headers.first(name: "grpc-timeout"))
  }

  private mutating func read(encoding: String?, timeout: String?) throws(GRPCStatus) {
    if let encoding {
      guard let known = MessageEncoding(rawValue: encoding) else {
        throw GRPCStatus(
          .unimplemented,
          "unknown grpc-encoding \"\(encoding)\"; supported: \(MessageEncoding.accepted)")
      }
      self.encoding = known
    }
    if let timeout {
      guard let parsed = GRPCTimeout.parse(timeout) else {
        throw GRPCStatus(.internalError, "malformed grpc-timeout \"\(timeout)\"")
      }
      self.timeout = parsed
    }
  }
}

/// Whether a content type is `application/grpc`, alone or with a subtype (`+proto`) or parameters.
/// gRPC-Web is another protocol.
func isGRPCContentType(_ value: String) -> Bool {
  guard value.hasPrefix("application/grpc") else { return false }
  switch value.utf8.dropFirst("application/grpc".utf8.count).first {
  case nil, UInt8(ascii: "+"), UInt8(ascii: ";"): return true
  default: return false
  }
}
