/// Settings of HTTP with JSON.
package struct HTTPTranscoderConfiguration: Sendable {
  /// Whether `GET /openapi.json` is the OpenAPI document of what is served. Default on; a path of the user
  /// function's own wins.
  package var servesOpenAPI = true
  /// JSON of at least this many bytes is compressed for clients that accept gzip; `nil` for never. Default
  /// 1 KiB: what fits into one packet gains nothing.
  package var leastBytesToCompress: Int? = 1024
  /// Bytes to which a compressed request body may expand. Default 12 MiB, as for messages.
  package var maximumBodyBytes = 12 * 1024 * 1024

  package init() {}
}
