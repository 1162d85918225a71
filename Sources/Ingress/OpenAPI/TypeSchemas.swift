import DynamicProtobuf

/// Schemas of messages and enums as proto3 JSON has them. Each type gets one schema under its full name, to
/// which all others refer, so that messages may contain themselves.
struct TypeSchemas {
  /// Pairs of a larger oneof would blow the document up; the description still names it.
  private static let largestOneof = 16

  private let pool: DescriptorPool
  private let notes: DescriptorNotes
  private var schemas: [String: JSONValue] = [:]
  /// Types that were referred to and have no schema yet.
  private var waiting: [(name: String, isEnum: Bool)] = []
  private var known: Set<String> = []

  init(pool: DescriptorPool, notes: DescriptorNotes) {
    self.pool = pool
    self.notes = notes
  }

  /// A message wherever it stands.
  mutating func schema(ofMessage name: String) -> JSONValue {
    ValueSchemas.wellKnown(name) ?? reference(name, isEnum: false)
  }

  /// A field's value, with all of its values where it has several.
  mutating func schema(of field: FieldDescriptor) -> JSONValue {
    if field.isMap {
      let value = field.typeName.flatMap { pool.message(named: $0) }?.fields
        .first { $0.number == 2 }
      return [
        "type": "object",
        "additionalProperties": value.map { schema(ofOne: $0) } ?? [:],
      ]
    }
    let one = schema(ofOne: field)
    return field.isRepeated ? ["type": "array", "items": one] : one
  }

  /// One value of a field.
  private mutating func schema(ofOne field: FieldDescriptor) -> JSONValue {
    if let scalar = ValueSchemas.scalar(field.kind) { return scalar }
    guard let type = field.typeName else { return [:] }
    guard field.kind == .enum else { return schema(ofMessage: type) }
    // The one value of google.protobuf.NullValue is JSON's null.
    return type == "google.protobuf.NullValue" ? ["nullable": true] : reference(type, isEnum: true)
  }

  private mutating func reference(_ name: String, isEnum: Bool) -> JSONValue {
    if known.insert(name).inserted { waiting.append((name, isEnum)) }
    return ["$ref": .string("#/components/schemas/\(name)")]
  }

  /// The schemas of all types that were referred to, and of those that these refer to.
  ///
  /// - Parameter more: others, which give way to types with their names.
  mutating func all(with more: [String: JSONValue]) -> JSONValue {
    while let (name, isEnum) = waiting.popLast() {
      schemas[name] = isEnum ? enumSchema(name) : messageSchema(name)
    }
    return .object(
      schemas.merging(more) { own, _ in own }.sorted { $0.key < $1.key }
        .map { JSONValue.Member(name: $0.key, value: $0.value) })
  }

  private func enumSchema(_ name: String) -> JSONValue {
    // With the option allow_alias, values stand for the same, but each is a name of its own.
    let values = notes.enumValues[name] ?? []
    let schema: JSONValue = ["type": "string", "enum": .array(values.map { .string($0) })]
    return schema.with("description", notes.comments[name].map { .string($0) })
  }

  private mutating func messageSchema(_ name: String) -> JSONValue {
    var properties: [JSONValue.Member] = []
    var jsonNames: [String: String] = [:]
    for field in pool.message(named: name)?.fields ?? [] {
      jsonNames[field.name] = field.jsonName
      properties.append(
        JSONValue.Member(name: field.jsonName, value: property(field, of: name)))
    }
    let required = (notes.required[name] ?? []).map { JSONValue.string(jsonNames[$0] ?? $0) }
    let oneofs = (notes.oneofs[name] ?? []).map { $0.map { jsonNames[$0] ?? $0 } }
    return (["type": "object"] as JSONValue)
      .with("description", description(of: name, oneofs))
      .with("properties", properties.isEmpty ? nil : .object(properties))
      .with("required", required.isEmpty ? nil : .array(required))
      // Unknown names are errors, and are never sent.
      .with("additionalProperties", false)
      .with("not", exclusions(oneofs))
  }

  private mutating func property(_ field: FieldDescriptor, of message: String) -> JSONValue {
    let name = "\(message).\(field.name)"
    let schema = schema(of: field)
    let comment = notes.comments[name].map { JSONValue.string($0) }
    let isDeprecated = notes.deprecated.contains(name) ? JSONValue.bool(true) : nil
    guard comment != nil || isDeprecated != nil else { return schema }
    // What stands beside a reference does not count (OpenAPI 3.0.3, "Reference Object").
    var described = schema
    if case .object(let members) = schema,
      members.contains(where: { $0.name == "$ref" || $0.name == "description" })
    {
      described = ["allOf": [schema]]
    }
    return described.with("description", comment).with("deprecated", isDeprecated)
  }

  private func description(of message: String, _ oneofs: [[String]]) -> JSONValue? {
    let lines =
      [notes.comments[message]].compactMap { $0 }
      + oneofs.map { "At most one of: \($0.joined(separator: ", "))." }
    return lines.isEmpty ? nil : .string(lines.joined(separator: "\n\n"))
  }

  /// No two fields of a oneof. Generators of clients pass over `not`, where they stumble over `oneOf`.
  private func exclusions(_ oneofs: [[String]]) -> JSONValue? {
    var pairs: [JSONValue] = []
    for fields in oneofs where fields.count <= Self.largestOneof {
      for (index, first) in fields.enumerated() {
        for second in fields[(index + 1)...] {
          pairs.append(["required": [.string(first), .string(second)]])
        }
      }
    }
    return pairs.isEmpty ? nil : ["anyOf": .array(pairs)]
  }
}
