import DynamicProtobuf

/// A field of a message, or of a message within it.
struct FieldPath: Hashable, Sendable {
  /// Why names lead nowhere.
  enum Failure: Error, Hashable {
    /// There is no such field.
    case unknown
    /// Only the last field may be repeated.
    case repeated(String)
    case map(String)
  }

  /// From the outermost to the one that is meant.
  let fields: [FieldDescriptor]
  /// The one that is meant.
  let last: FieldDescriptor

  /// Follows names as they are declared, or as JSON has them.
  init(_ names: [String], in message: String, of pool: DescriptorPool) throws(Failure) {
    var fields: [FieldDescriptor] = []
    var type: String? = message
    for name in names {
      if let previous = fields.last, previous.isRepeated {
        throw previous.isMap ? .map(previous.name) : .repeated(previous.name)
      }
      let known = type.flatMap { pool.message(named: $0) }?.fields ?? []
      guard
        let field = known.first(where: { $0.name == name })
          ?? known.first(where: { $0.jsonName == name })
      else { throw .unknown }
      fields.append(field)
      // Only messages lead on.
      type = field.kind == .message ? field.typeName : nil
    }
    guard let last = fields.last else { throw .unknown }
    self.fields = fields
    self.last = last
  }
}
