import DynamicProtobuf

/// The parameters of an operation.
struct ParameterList {
  /// How deep query parameters lead into messages.
  private static let greatestDepth = 4
  /// A message may have very many fields within fields.
  private static let mostQueryParameters = 200
  /// Also where none of them is one that a query can set.
  private static let mostMessages = 200

  private let pool: DescriptorPool
  private let notes: DescriptorNotes
  private(set) var elements: [JSONValue] = []
  private var queryParameters = 0
  private var messages = 0

  init(pool: DescriptorPool, notes: DescriptorNotes) {
    self.pool = pool
    self.notes = notes
  }

  mutating func addPath(_ template: TemplateText, schemas: inout TypeSchemas) {
    for parameter in template.parameters {
      var schema = parameter.field.map { schemas.schema(of: $0) } ?? ValueSchemas.text
      if schema == ValueSchemas.text, !parameter.isRest { schema = schema.with("minLength", 1) }
      let element: JSONValue = [
        "name": .string(parameter.name), "in": "path", "required": true, "schema": schema,
      ]
      let rest: JSONValue = "The rest of the path, with its slashes as they are."
      elements.append(element.with("description", parameter.isRest ? rest : nil))
    }
  }

  /// What a query can set: all but the fields of the path and of the body.
  mutating func addQuery(of binding: HTTPBinding, schemas: inout TypeSchemas) {
    var taken = Set(binding.variables.map { $0.fields.map(\.number) })
    switch binding.body {
    case .none: break
    case .message: return
    case .field(let field): taken.insert([field.number])
    }
    addFields(
      of: binding.method.inputType, at: [], numbers: [], types: [], taken: taken,
      schemas: &schemas)
  }

  private mutating func addFields(
    of message: String, at names: [String], numbers: [Int32], types: Set<String>,
    taken: Set<[Int32]>, schemas: inout TypeSchemas
  ) {
    // Recursive messages are shown once.
    guard names.count < Self.greatestDepth, !types.contains(message),
      messages < Self.mostMessages
    else { return }
    messages += 1
    for field in pool.message(named: message)?.fields ?? [] {
      let path = numbers + [field.number]
      guard !taken.contains(path), queryParameters < Self.mostQueryParameters else { continue }
      let fieldNames = names + [field.jsonName]
      if QueryValue.canSet(field) {
        queryParameters += 1
        let element: JSONValue = [
          "name": .string(fieldNames.joined(separator: ".")), "in": "query",
          "schema": schemas.schema(of: field),
        ]
        let comment = notes.comments["\(message).\(field.name)"].map { JSONValue.string($0) }
        elements.append(element.with("description", comment))
      } else if field.kind == .message, !field.isRepeated, let type = field.typeName,
        ValueSchemas.wellKnown(type) == nil
      {
        addFields(
          of: type, at: fieldNames, numbers: path, types: types.union([message]), taken: taken,
          schemas: &schemas)
      }
    }
  }

  mutating func add(reference: String) { elements.append(["$ref": .string(reference)]) }
}
