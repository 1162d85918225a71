package import CloudstateModel
import GRPCTransport
package import NIOCore
import NIOHPACK

/// One call that is made from inside the node's process.
package struct LocalRequest: Sendable {
  /// `/package.Service/Method`.
  package var path: String
  package var message: [UInt8]
  /// What goes as headers when the call comes over a connection.
  package var metadata: [CommandMetadata]
  package var idempotencyKey: String?
  package var deadline: NIODeadline?

  package init(
    path: String, message: [UInt8], metadata: [CommandMetadata] = [],
    idempotencyKey: String? = nil, deadline: NIODeadline? = nil
  ) {
    self.path = path
    self.message = message
    self.metadata = metadata
    self.idempotencyKey = idempotencyKey
    self.deadline = deadline
  }

  /// The headers as a connection would carry them, and nothing else: both ways mean the same.
  var headers: GRPCMetadata {
    var headers = GRPCMetadata()
    if let idempotencyKey { headers.add(HeaderName.idempotencyKey, idempotencyKey) }
    if !metadata.isEmpty {
      headers.headers.add(contentsOf: MetadataHeaders.headers(metadata).headers)
    }
    return headers
  }
}

/// The answer of a call with one reply.
package struct LocalReply: Hashable, Sendable {
  package var message: [UInt8]
  package var metadata: [CommandMetadata]

  package init(message: [UInt8], metadata: [CommandMetadata] = []) {
    self.message = message
    self.metadata = metadata
  }
}
