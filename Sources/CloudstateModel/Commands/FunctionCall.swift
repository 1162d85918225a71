/// A command that a user function wants to be run on one of its own services: a forward or a side effect
/// (proxy behaviour, section 6).
package struct FunctionCall: Hashable, Sendable, CustomStringConvertible {
  /// The full name of the target's gRPC service.
  package var serviceName: String
  /// The short name of the target's method.
  package var method: String
  /// Taken as it is, also when it is not the method's declared type.
  package var payloadTypeURL: String
  package var payload: [UInt8]
  package var metadata: [CommandMetadata]

  package init(
    serviceName: String, method: String, payloadTypeURL: String, payload: [UInt8],
    metadata: [CommandMetadata] = []
  ) {
    self.serviceName = serviceName
    self.method = method
    self.payloadTypeURL = payloadTypeURL
    self.payload = payload
    self.metadata = metadata
  }

  package var description: String { "\(serviceName).\(method)" }
}

/// A command whose result does not matter to the one that caused it.
package struct SideEffect: Hashable, Sendable {
  package var call: FunctionCall
  /// Whether the effect must be over before the outcome is released.
  package var isSynchronous: Bool

  package init(_ call: FunctionCall, isSynchronous: Bool) {
    self.call = call
    self.isSynchronous = isSynchronous
  }
}
