/// Header and trailer names that a node understands or adds.
package enum HeaderName {
  /// Request: the client's idempotency key.
  package static let idempotencyKey = "idempotency-key"
  /// Trailers of an entity command's answer: where its events lie.
  package static let shard = "cs-shard"
  package static let position = "cs-position"
  package static let epoch = "cs-epoch"
  package static let firstSequence = "cs-first-sequence"
  package static let eventCount = "cs-event-count"
  /// `true` when the answer was remembered under the idempotency key.
  package static let duplicate = "cs-duplicate"
  /// Trailers of an error: its stable code, and whether a retry may succeed.
  package static let errorCode = "cs-error"
  package static let retryable = "cs-retryable"
}
