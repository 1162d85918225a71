package import NIOHPACK

/// The ordered headers or trailers of a call. Names are lower case; names ending in `-bin` hold
/// base64 of binary values (gRPC over HTTP/2, "Custom-Metadata").
package struct GRPCMetadata: Hashable, Sendable {
  package var headers: HPACKHeaders

  package init(_ headers: HPACKHeaders = [:]) { self.headers = headers }

  /// The first value of a header, if there is one.
  package subscript(name: String) -> String? { headers.first(name: name) }

  package mutating func add(_ name: String, _ value: String) {
    headers.add(name: name, value: value)
  }
}
