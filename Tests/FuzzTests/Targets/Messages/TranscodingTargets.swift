@testable import DynamicProtobuf

extension FuzzTarget {
  /// JSON that a client sends: a byte that chooses the message type, then the text.
  static let json = FuzzTarget("json") { input in
    var input = input
    let types = TypesOfEveryKind.messages
    let type = types[input.number(below: types.count)]
    let text = String(decoding: input.rest(), as: UTF8.self)
    let pool = try TypesOfEveryKind.usable()
    let isSyntax = (try? DescriptorPool.checkSyntax(ofJSON: text)) != nil
    guard let binary = try? pool.binary(fromJSON: text, message: type) else { return }
    try demand(isSyntax, "what is no JSON was read")
    do {
      _ = try pool.json(fromBinary: binary, message: type, printDefaults: false)
    } catch let error as TranscodingError {
      try demand(error.kind != .malformedBinary, "\(text) became the broken message \(binary)")
    }
    try checkRoundTrip(binary, type, pool)
  }

  /// A message in the protobuf encoding: a byte that chooses its type, then the message.
  static let protobuf = FuzzTarget("protobuf") { input in
    var input = input
    let types = TypesOfEveryKind.messages
    let type = types[input.number(below: types.count)]
    let bytes = input.rest()
    let pool = try TypesOfEveryKind.usable()
    if type == types[0] { try checkKeys(bytes, type, pool) }
    guard let canonical = try? pool.canonicalBinary(bytes, message: type) else { return }
    let again = try pool.canonicalBinary(canonical, message: type)
    try demandEqual(again, canonical, "the canonical form of a canonical form")
    try checkRoundTrip(canonical, type, pool)
    guard let message = pool.message(named: type) else { return }
    for field in message.fields.suffix(12) {
      let json = try? pool.json(of: field, fromBinary: bytes, message: type)
      if let json { try DescriptorPool.checkSyntax(ofJSON: json) }
      if field.kind == .message, !field.isRepeated {
        _ = try? pool.content(of: field, inBinary: bytes, message: type)
      }
    }
  }

  /// What has a JSON form must be readable from it, and the same as before.
  static func checkRoundTrip(_ binary: [UInt8], _ type: String, _ pool: DescriptorPool) throws {
    for printDefaults in [false, true] {
      guard
        let json = try? pool.json(fromBinary: binary, message: type, printDefaults: printDefaults)
      else { continue }
      try DescriptorPool.checkSyntax(ofJSON: json)
      // Paths of a field mask that are no names are printed as if they were, and messages in an Any without
      // what they require.
      guard !printDefaults, !json.lowercased().contains("fieldmask"), !json.contains("t.Old") else {
        continue
      }
      let read = try? pool.binary(fromJSON: json, message: type)
      try demand(read != nil, "printed JSON cannot be read: \(json)")
    }
  }

  private static func checkKeys(_ bytes: [UInt8], _ type: String, _ pool: DescriptorPool) throws {
    let extractor = try pool.keyExtractor(
      message: type, fieldNumbers: TypesOfEveryKind.keyFields)
    // libprotobuf takes some tags that no encoder writes.
    guard let key = bytes.withUnsafeBytes({ try? extractor.key(of: $0) }),
      let canonical = try? pool.canonicalBinary(bytes, message: type)
    else { return }
    let same = canonical.withUnsafeBytes { try? extractor.key(of: $0) }
    try demandEqual(key, same, "the key of a message and of its canonical form")
  }
}

extension TypesOfEveryKind {
  /// The pool; that there is one is tested wherever the corpus is replayed.
  static func usable() throws -> DescriptorPool {
    guard let pool else { throw FuzzViolation(description: "the types do not fit together") }
    return pool
  }
}
