/// Settings of the public API.
package struct IngressConfiguration: Sendable {
  /// Request messages of one call that may wait for the ones before them. Default 100, as the reference's
  /// `proxy-parallelism`; at this many the call is not read any further.
  package var queuedMessagesPerCall = 100
  /// Bytes of such messages; as many more as one message has may wait. Default 1 MiB.
  package var queuedBytesPerCall = 1 << 20
  /// Longest idempotency key in bytes; longer ones are refused. Default 256.
  package var maximumIdempotencyKeyBytes = 256
  /// Whether request headers are handed to the entity as metadata. Default off, as the reference.
  package var capturesMetadata = false

  package init() {}
}
