/// A media type or range with its quality (RFC 9110, 8.3.1 and 12.5.1).
struct MediaType: Hashable {
  /// JSON texts on lines of their own.
  static let lines = "application/x-ndjson"
  static let events = "text/event-stream"
  static let json = "application/json"

  /// Without parameters, in lower case.
  let name: String
  /// From 0 to 1.
  let quality: Double

  init(_ text: String) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
    name = (parts.first ?? "").lowercased()
    let quality = parts.dropFirst().first { $0.lowercased().hasPrefix("q=") }
    self.quality = quality.flatMap { Double($0.dropFirst(2)) } ?? 1
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop { $0.isWhitespace }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}

/// The `Accept` header of a request.
struct AcceptHeader: Hashable {
  private let text: String

  init(_ text: String?) { self.text = text ?? "" }

  /// Whether streams are to be server-sent events (proxy behaviour, section 12.5).
  var wantsEvents: Bool { text.lowercased().hasPrefix(MediaType.events) }

  /// Whether streams of lines may say that they are such, by the name of their content type.
  var namesLines: Bool {
    text.split(separator: ",").map { MediaType(String($0)) }
      .contains { $0.name == MediaType.lines && $0.quality > 0 }
  }

  /// Whether JSON is named and nothing shows that plain text is liked as much: named before it, or with a
  /// higher quality. `*/*` likes everything, and leaves it at text.
  var prefersJSON: Bool {
    let types = text.split(separator: ",").map { MediaType(String($0)) }
    guard let jsonIndex = types.firstIndex(where: { $0.name == MediaType.json }),
      types[jsonIndex].quality > 0
    else { return false }
    let json = types[jsonIndex].quality
    for (index, type) in types.enumerated() where type.name.hasPrefix("text/") {
      guard type.name == "text/plain" || type.name == "text/*" else { continue }
      if type.quality > json || (type.quality == json && index < jsonIndex) { return false }
    }
    return true
  }
}
