import CloudstateProtocol
import DynamicProtobuf
import NIOCore
import SwiftProtobuf

/// How the replies of a call become the body of an HTTP response (proxy behaviour, section 12.5).
struct ReplyForm {
  /// What a response is made of.
  enum Framing: Hashable {
    /// One reply, which is the body.
    case single
    /// Each reply on a line of its own.
    case lines
    /// Each reply a server-sent event.
    case events
    /// The bytes of all replies behind each other.
    case raw
  }

  /// The content of one reply.
  struct Content {
    let bytes: ByteBuffer
    let contentType: String?
  }

  let framing: Framing
  private let pool: DescriptorPool
  private let type: String
  private let field: FieldDescriptor?
  private let isHTTPBody: Bool
  private let linesType: String

  init(pool: DescriptorPool, binding: HTTPBinding, accept: AcceptHeader) {
    self.pool = pool
    type = binding.method.outputType
    field = binding.responseField
    let isRepeated = field?.isRepeated ?? false
    linesType = accept.namesLines ? MediaType.lines : MediaType.json
    isHTTPBody = !isRepeated && (field.map(\.typeName) ?? type) == RequestMessageReader.httpBody
    if !binding.method.isServerStreaming {
      framing = .single
    } else if accept.wantsEvents {
      framing = .events
    } else {
      framing = isHTTPBody ? .raw : .lines
    }
  }

  /// The content type of a stream, given the one in the first reply's metadata and in the first reply.
  func streamContentType(metadata: String?, content: String?) -> String {
    switch framing {
    case .single: MediaType.json
    case .lines: linesType
    case .events: MediaType.events
    case .raw: metadata ?? content ?? "application/octet-stream"
    }
  }

  /// - Throws: why a reply has no such form; a mistake of the user function.
  func content(of reply: [UInt8]) throws(TranscodingError) -> Content {
    switch framing {
    case .single:
      if isHTTPBody { return try rawContent(of: reply) }
      return Content(
        bytes: ByteBuffer(string: try json(of: reply)), contentType: MediaType.json)
    case .lines:
      return Content(bytes: ByteBuffer(string: try json(of: reply) + "\n"), contentType: nil)
    case .events:
      return Content(
        bytes: ByteBuffer(string: "data: \(try json(of: reply))\n\n"), contentType: nil)
    case .raw:
      return try rawContent(of: reply)
    }
  }

  private func json(of reply: [UInt8]) throws(TranscodingError) -> String {
    if let field { return try pool.json(of: field, fromBinary: reply, message: type) }
    return try pool.json(fromBinary: reply, message: type, printDefaults: true)
  }

  private func rawContent(of reply: [UInt8]) throws(TranscodingError) -> Content {
    var bytes = reply
    if let field { bytes = try pool.content(of: field, inBinary: reply, message: type) }
    guard let body = try? Google_Api_HttpBody(serializedBytes: bytes) else {
      throw TranscodingError(.malformedBinary, "the bytes are not a google.api.HttpBody")
    }
    return Content(
      bytes: ByteBuffer(bytes: body.data),
      contentType: body.contentType.isEmpty ? nil : body.contentType)
  }
}
