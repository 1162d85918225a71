/// An error that breaks the stream of an entity: the peers disagree on the protocol, a stored payload
/// cannot be read, or user code misbehaved. Sent as a stream-level `Failure` (protocol section 2.3),
/// which the sidecar logs and never shows to callers.
struct EntityFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong, for the operator.
  let description: String

  init(_ description: String) { self.description = description }

  /// Turns the error of a payload into one of the stream.
  static func converting<Value>(
    _ body: () throws(PayloadError) -> Value
  ) throws(EntityFault) -> Value {
    do { return try body() } catch { throw EntityFault(error.description) }
  }
}
