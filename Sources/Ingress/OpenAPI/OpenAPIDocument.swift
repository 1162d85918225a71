import DynamicProtobuf

/// The OpenAPI document of HTTP bindings (OpenAPI Specification 3.0.3): what can be asked for, and what is
/// answered. The same bindings and descriptors always give the same document.
struct OpenAPIDocument {
  /// Where it is served.
  static let path = "/openapi.json"
  /// The verbs of a binding for all verbs.
  private static let allVerbs = ["get", "put", "post", "delete", "patch"]

  let json: JSONValue

  init(_ bindings: HTTPBindings) {
    let notes = DescriptorNotes(bindings.pool)
    var schemas = TypeSchemas(pool: bindings.pool, notes: notes)
    var paths: [(text: String, operations: JSONValue)] = []
    for operation in Self.operations(of: bindings) {
      let json = operation.json(pool: bindings.pool, notes: notes, schemas: &schemas)
      let text = operation.template.text
      if let index = paths.firstIndex(where: { $0.text == text }) {
        paths[index].operations = paths[index].operations.with(operation.verb, json)
      } else {
        paths.append((text, (.object([]) as JSONValue).with(operation.verb, json)))
      }
    }
    let services = Self.services(of: bindings)
    json = [
      "openapi": "3.0.3",
      "info": [
        "title": .string(Self.title(services)), "version": "1",
        "description": """
        Made from the descriptors of the services. Errors are text, or google.rpc.Status for clients that \
        accept application/json.
        """,
      ],
      "servers": [["url": "/"]],
      "tags": .array(
        services.map { name in
          (["name": .string(name)] as JSONValue)
            .with("description", notes.comments[name].map { .string($0) })
        }),
      "paths": .object(paths.map { JSONValue.Member(name: $0.text, value: $0.operations) }),
      "components": [
        "schemas": schemas.all(with: ["google.rpc.Status": Self.status]),
        "responses": [
          "BadRequest": Self.error("The request does not fit."),
          "Error": Self.error("The service refused the command, or it could not be run."),
        ],
        "parameters": ["IdempotencyKey": Self.idempotencyKey],
      ],
    ]
  }

  /// All bindings that a request can reach, in the order of their declaration.
  private static func operations(of bindings: HTTPBindings) -> [OpenAPIOperation] {
    let ambiguous = ambiguousServices(of: bindings)
    var named: [String: Int] = [:]
    var templates: [String: TemplateText] = [:]
    var taken: Set<String> = []
    var operations: [OpenAPIOperation] = []
    var identifiers: Set<String> = []
    /// `A_B.C` and `A.B_C` would have the same.
    func unique(_ identifier: String) -> String {
      var unique = identifier
      while !identifiers.insert(unique).inserted { unique += "_" }
      return unique
    }
    for binding in bindings.all.reversed() {
      let number = named[binding.methodPath, default: 0] + 1
      named[binding.methodPath] = number
      let own = TemplateText(binding)
      let template = templates[own.shape].map { own.renamed(as: $0) } ?? own
      let identifier =
        identifier(binding, ambiguous: ambiguous) + (number > 1 ? "_\(number)" : "")
      for verb in binding.verb.map({ [$0.lowercased()] }) ?? allVerbs {
        guard
          case .binding(let served, _) = bindings.find(
            verb: verb.uppercased(), path: Array(own.sample.utf8)),
          served.methodPath == binding.methodPath, served.template == binding.template,
          served.verb == binding.verb, taken.insert("\(verb) \(own.shape)").inserted
        else { continue }
        templates[own.shape] = template
        operations.append(
          OpenAPIOperation(
            binding: binding, verb: verb,
            identifier: unique(binding.verb == nil ? "\(identifier)_\(verb)" : identifier),
            template: template))
      }
    }
    return operations
  }

  /// `Service_Method`, with the package where there are several services of the name.
  private static func identifier(_ binding: HTTPBinding, ambiguous: Set<String>) -> String {
    let parts = binding.method.fullName.split(separator: ".")
    let short = parts.suffix(2).map(String.init)
    guard let service = short.first, ambiguous.contains(service) else {
      return short.joined(separator: "_")
    }
    return parts.joined(separator: "_")
  }

  private static func ambiguousServices(of bindings: HTTPBindings) -> Set<String> {
    var seen: Set<Substring> = []
    let repeated = services(of: bindings).compactMap { $0.split(separator: ".").last }
      .filter { !seen.insert($0).inserted }
    return Set(repeated.map(String.init))
  }

  /// Full names in the order of declaration.
  private static func services(of bindings: HTTPBindings) -> [String] {
    var seen: Set<String> = []
    return bindings.all.reversed()
      .map { $0.method.serviceName }
      .filter { seen.insert($0).inserted }
  }

  private static func title(_ services: [String]) -> String {
    let first = services.prefix(3).joined(separator: ", ")
    return services.count > 3 ? "\(first) and others" : first
  }

  private static func error(_ description: String) -> JSONValue {
    [
      "description": .string(description),
      "content": [
        "text/plain": ["schema": ValueSchemas.text],
        "application/json": ["schema": ["$ref": "#/components/schemas/google.rpc.Status"]],
      ],
    ]
  }

  private static let status: JSONValue = [
    "type": "object",
    "description": "An error.",
    "properties": [
      "code": ["type": "integer", "format": "int32", "description": "The gRPC status code."],
      "message": ["type": "string"],
      "details": ["type": "array", "items": ["type": "object"]],
    ],
  ]

  private static let idempotencyKey: JSONValue = [
    "name": "idempotency-key", "in": "header",
    "description": "A command that is repeated with the same key is run once.",
    "schema": ["type": "string", "minLength": 1],
  ]
}
