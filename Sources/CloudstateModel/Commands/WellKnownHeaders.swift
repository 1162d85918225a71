/// Header and trailer names that a node understands or adds.
package enum HeaderName {
  /// Request: the client's idempotency key.
  package static let idempotencyKey = "idempotency-key"
  /// Request: the credentials of the caller (RFC 9110, 11.6.2). Never handed on.
  package static let authorization = "authorization"
  /// Trailer of an entity command's answer: where its events lie, as ``Commitment/headerValue``.
  package static let commitment = "cs-commitment"
  /// Trailers of an error: its stable code, and whether a retry may succeed.
  package static let errorCode = "cs-error"
  package static let retryable = "cs-retryable"
}
