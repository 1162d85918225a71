import ArgumentParser
package import Ingress

/// What a node is told about HTTP with JSON.
package struct HTTPOptions: ParsableArguments {
  /// Long names of the options that a `--config` file may set.
  static let options = ["http-gzip-bytes"]
  static let flags = ["no-openapi"]

  @Option(help: "JSON of at least so many bytes is sent as gzip to who accepts it; 0: never.")
  package var httpGzipBytes = 1024
  @Flag(help: "Do not serve the OpenAPI document at /openapi.json.") package var noOpenapi = false

  package init() {}

  /// The options as a node takes them.
  package var configuration: HTTPTranscoderConfiguration {
    var configuration = HTTPTranscoderConfiguration()
    configuration.servesOpenAPI = !noOpenapi
    configuration.leastBytesToCompress = httpGzipBytes == 0 ? nil : httpGzipBytes
    return configuration
  }
}
