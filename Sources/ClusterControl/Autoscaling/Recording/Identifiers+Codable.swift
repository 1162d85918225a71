package import CloudstateModel

// Names in recorded lines are plain texts.

extension NodeID: Codable {
  package init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let node = NodeID(text) else { throw notAName(text, decoder) }
    self = node
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

extension ServiceName: Codable {
  package init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let service = ServiceName(text) else { throw notAName(text, decoder) }
    self = service
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

private func notAName(_ text: String, _ decoder: any Decoder) -> DecodingError {
  DecodingError.dataCorrupted(
    DecodingError.Context(
      codingPath: decoder.codingPath, debugDescription: "\(quoted(text)) is not a legal name"))
}
