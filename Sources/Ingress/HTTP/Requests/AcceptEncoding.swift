/// The `Accept-Encoding` header of a request (RFC 9110, 12.5.3).
struct AcceptEncoding: Hashable {
  /// Whether gzip is accepted, and liked no less than content as it is.
  let admitsGzip: Bool

  /// - Parameter text: the values of all lines of the header, with commas between; empty for none.
  init(_ text: String) {
    var qualities: [String: Double] = [:]
    for part in text.split(separator: ",") {
      let coding = MediaType(String(part))
      qualities[coding.name == "x-gzip" ? "gzip" : coding.name] = coding.quality
    }
    let gzip = qualities["gzip"] ?? qualities["*"] ?? 0
    admitsGzip = gzip > 0 && gzip >= qualities["identity"] ?? 0
  }
}
