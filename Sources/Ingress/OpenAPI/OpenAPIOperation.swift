import DynamicProtobuf

/// One binding as an operation of a path.
struct OpenAPIOperation {
  let binding: HTTPBinding
  /// In lower case.
  let verb: String
  let identifier: String
  let template: TemplateText

  func json(pool: DescriptorPool, notes: DescriptorNotes, schemas: inout TypeSchemas) -> JSONValue {
    var parameters = ParameterList(pool: pool, notes: notes)
    parameters.addPath(template, schemas: &schemas)
    parameters.addQuery(of: binding, schemas: &schemas)
    if verb != "get" { parameters.add(reference: "#/components/parameters/IdempotencyKey") }
    let method = binding.method.fullName
    let elements = parameters.elements
    let head: JSONValue = [
      "operationId": .string(identifier), "tags": [.string(binding.method.serviceName)],
    ]
    let responses: JSONValue = [
      "200": reply(&schemas), "400": ["$ref": "#/components/responses/BadRequest"],
      "default": ["$ref": "#/components/responses/Error"],
    ]
    return
      head
      .with("description", notes.comments[method].map { .string($0) })
      .with("deprecated", notes.deprecated.contains(method) ? .bool(true) : nil)
      .with("parameters", elements.isEmpty ? nil : .array(elements))
      .with("requestBody", requestBody(&schemas))
      .with("responses", responses)
  }

  private func requestBody(_ schemas: inout TypeSchemas) -> JSONValue? {
    let httpBody = RequestMessageReader.httpBody
    let content: JSONValue
    switch binding.body {
    case .none: return nil
    case .message where binding.method.inputType == httpBody: content = Self.anyContent
    case .message: content = Self.content(schemas.schema(ofMessage: binding.method.inputType))
    case .field(let field) where field.typeName == httpBody: content = Self.anyContent
    case .field(let field): content = Self.content(schemas.schema(of: field))
    }
    return ["required": true, "content": content]
  }

  private func reply(_ schemas: inout TypeSchemas) -> JSONValue {
    let method = binding.method
    let isRaw =
      binding.responseField.map { !$0.isRepeated && $0.typeName == RequestMessageReader.httpBody }
      ?? (method.outputType == RequestMessageReader.httpBody)
    if isRaw {
      return [
        "description": method.isServerStreaming ? "Bytes, as they come." : "The content.",
        "content": Self.anyContent,
      ]
    }
    let schema =
      binding.responseField.map { Self.orNull(schemas.schema(of: $0), $0) }
      ?? schemas.schema(ofMessage: method.outputType)
    guard method.isServerStreaming else {
      return ["description": "The reply.", "content": Self.content(schema)]
    }
    return [
      "description": """
      A stream, in which the schema is that of one reply. Each reply is a line of its own, or, for clients \
      that accept text/event-stream, the data of an event.
      """,
      "x-stream": true,
      "content": [
        "application/json": ["schema": schema], "application/x-ndjson": ["schema": schema],
        "text/event-stream": ["schema": schema],
      ],
    ]
  }

  /// A field by itself has no other way to be missing.
  private static func orNull(_ schema: JSONValue, _ field: FieldDescriptor) -> JSONValue {
    guard !field.isRepeated, field.kind == .message, QueryValue.canSet(field),
      case .object(let members) = schema, !members.contains(where: { $0.name == "nullable" })
    else { return schema }
    return schema.with("nullable", true)
  }

  private static func content(_ schema: JSONValue) -> JSONValue {
    ["application/json": ["schema": schema]]
  }

  private static let anyContent: JSONValue = ["*/*": ["schema": ValueSchemas.binary]]
}

extension MethodDescriptor {
  /// Full name of the service that declares it.
  var serviceName: String { String(fullName.dropLast(name.count + 1)) }
}
