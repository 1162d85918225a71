/// One command on its way to an entity.
package struct EntityCommand: Sendable {
  /// The full name of the gRPC service, such as `com.example.shoppingcart.ShoppingCart`.
  package var serviceName: String
  /// The short name of the method, such as `AddItem`.
  package var method: String
  package var entity: EntityKey
  /// `type.googleapis.com/` and the declared input type of the method.
  package var payloadTypeURL: String
  /// The client's request message, untouched.
  package var payload: [UInt8]
  package var metadata: [CommandMetadata]
  /// The metadata is part of the command, as that of an event, and reaches the function whatever the node's
  /// setting for headers of clients says.
  package var metadataIsForFunction = false
  /// The client's idempotency key: the same key gets the same answer and no second event.
  package var idempotencyKey: String?
  /// When the caller stops waiting, in nanoseconds of the monotonic clock of this machine; `nil` for no
  /// limit of its own.
  package var deadline: UInt64?

  package init(
    serviceName: String, method: String, entity: EntityKey, payloadTypeURL: String,
    payload: [UInt8], metadata: [CommandMetadata] = [], idempotencyKey: String? = nil,
    deadline: UInt64? = nil
  ) {
    self.serviceName = serviceName
    self.method = method
    self.entity = entity
    self.payloadTypeURL = payloadTypeURL
    self.payload = payload
    self.metadata = metadata
    self.idempotencyKey = idempotencyKey
    self.deadline = deadline
  }

  /// Tells a repeated command from another one that reuses its idempotency key: 64-bit FNV-1a over
  /// service, method and payload. Stored beside the answer, so the function is part of the format.
  package var fingerprint: UInt64 {
    var hash = FNV1a()
    hash.mix(serviceName)
    hash.mix(UInt8(0))
    hash.mix(method)
    hash.mix(UInt8(0))
    hash.mix(payload)
    return hash.value
  }
}

/// One entry of a command's or a reply's metadata (protocol section 2.2).
package struct CommandMetadata: Hashable, Sendable {
  package enum Value: Hashable, Sendable {
    case text(String)
    case bytes([UInt8])
  }

  package var key: String
  package var value: Value

  package init(key: String, value: Value) {
    self.key = key
    self.value = value
  }
}
