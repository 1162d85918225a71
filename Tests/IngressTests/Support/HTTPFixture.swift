import AccessControl
import CloudstateModel
import CloudstateProtocol
import DynamicProtobuf
import GRPCTransport
import Ingress
import NIOCore
import SwiftProtobuf

/// A service `t.S` with one method for each thing the tests need, served over HTTP by a dispatcher that a test
/// answers for.
struct HTTPFixture {
  /// The messages of the service, in protobuf text format.
  private static let messages = """
    name: "t.proto" package: "t" syntax: "proto3" dependency: "google/api/httpbody.proto"
    \(["timestamp", "duration", "field_mask", "wrappers", "struct", "empty"]
      .map { "dependency: \"google/protobuf/\($0).proto\"" }.joined(separator: " "))
    enum_type { name: "Color" value { name: "RED" number: 0 } value { name: "BLUE" number: 1 } }
    message_type {
      name: "Inner"
      \(field("name", 1, "STRING")) \(field("count", 2, "INT32")) \(field("tags", 3, "STRING", repeated: true))
      \(field("inner", 4, "MESSAGE", ".t.Inner"))
    }
    message_type {
      name: "In"
      \(field("id", 1, "STRING")) \(field("number", 2, "INT32")) \(field("inner", 3, "MESSAGE", ".t.Inner"))
      \(field("numbers", 4, "INT64", repeated: true)) \(field("color", 5, "ENUM", ".t.Color"))
      \(field("labels", 6, "MESSAGE", ".t.In.LabelsEntry", repeated: true)) \(field("flag", 7, "BOOL"))
      \(field("ratio", 8, "DOUBLE")) \(field("raw", 9, "BYTES")) \(field("big", 10, "UINT64"))
      \(field("signed", 11, "SINT32")) \(field("file", 12, "MESSAGE", ".google.api.HttpBody"))
      \(field("inners", 13, "MESSAGE", ".t.Inner", repeated: true)) \(field("product_id", 14, "STRING"))
      \(field("small", 15, "FLOAT")) \(field("fixed", 16, "SFIXED64")) \(field("word", 17, "FIXED32"))
      \(field("long", 18, "INT64")) \(field("uword", 19, "UINT32")) \(field("ufixed", 20, "FIXED64"))
      \(field("sword", 21, "SFIXED32")) \(field("slong", 22, "SINT64")) \(field("colors", 23, "ENUM", ".t.Color", repeated: true))
      \(field("at", 24, "MESSAGE", ".google.protobuf.Timestamp")) \(field("lasting", 25, "MESSAGE", ".google.protobuf.Duration"))
      \(field("mask", 26, "MESSAGE", ".google.protobuf.FieldMask")) \(field("sure", 27, "MESSAGE", ".google.protobuf.BoolValue"))
      \(field("maybe", 28, "MESSAGE", ".google.protobuf.Int64Value")) \(field("said", 29, "MESSAGE", ".google.protobuf.StringValue"))
      \(field("times", 30, "MESSAGE", ".google.protobuf.Timestamp", repeated: true)) \(field("open", 31, "MESSAGE", ".google.protobuf.Struct"))
      \(field("seconds", 32, "MESSAGE", ".google.protobuf.DoubleValue")) \(field("blob", 33, "MESSAGE", ".google.protobuf.BytesValue"))
      nested_type {
        name: "LabelsEntry" options { map_entry: true }
        \(field("key", 1, "STRING")) \(field("value", 2, "STRING"))
      }
    }
    message_type {
      name: "Out"
      \(field("text", 1, "STRING")) \(field("total", 2, "INT64")) \(field("inners", 3, "MESSAGE", ".t.Inner", repeated: true))
      \(field("inner", 4, "MESSAGE", ".t.Inner")) \(field("file", 5, "MESSAGE", ".google.api.HttpBody"))
      \(field("color", 6, "ENUM", ".t.Color"))
    }
    message_type {
      name: "Wide"
      \(field("text", 1, "STRING")) \(field("total", 2, "INT64")) \(field("utotal", 3, "FIXED64"))
      \(field("number", 4, "SINT32")) \(field("ratio", 5, "DOUBLE")) \(field("flag", 6, "BOOL"))
      \(field("raw", 7, "BYTES")) \(field("color", 8, "ENUM", ".t.Color")) \(field("colors", 9, "ENUM", ".t.Color", repeated: true))
      \(field("counts", 10, "MESSAGE", ".t.Wide.CountsEntry", repeated: true)) \(field("inner", 11, "MESSAGE", ".t.Inner"))
      \(field("inners", 12, "MESSAGE", ".t.Inner", repeated: true)) \(field("at", 13, "MESSAGE", ".google.protobuf.Timestamp"))
      \(field("maybe", 14, "MESSAGE", ".google.protobuf.Int64Value")) \(field("numbers", 15, "UINT32", repeated: true))
      \(field("nothing", 16, "MESSAGE", ".google.protobuf.Empty"))
      nested_type {
        name: "CountsEntry" options { map_entry: true }
        \(field("key", 1, "STRING")) \(field("value", 2, "INT64"))
      }
    }
    """

  private static func field(
    _ name: String, _ number: Int, _ type: String, _ typeName: String? = nil, repeated: Bool = false
  ) -> String {
    let typeName = typeName.map { "type_name: \"\($0)\"" } ?? ""
    let label = repeated ? "LABEL_REPEATED" : "LABEL_OPTIONAL"
    return
      "field { name: \"\(name)\" number: \(number) type: TYPE_\(type) label: \(label) \(typeName) }"
  }

  /// A method of the service.
  struct Method {
    var name: String
    var input = ".t.In"
    var output = ".t.Out"
    var isClientStreaming = false
    var isServerStreaming = false
    var rule: Google_Api_HttpRule?

    init(
      _ name: String, input: String = ".t.In", output: String = ".t.Out",
      isClientStreaming: Bool = false, isServerStreaming: Bool = false,
      _ rule: Google_Api_HttpRule? = nil
    ) {
      self.name = name
      self.input = input
      self.output = output
      self.isClientStreaming = isClientStreaming
      self.isServerStreaming = isServerStreaming
      self.rule = rule
    }
  }

  static func pool(_ methods: [Method]) throws -> DescriptorPool {
    var file = try Google_Protobuf_FileDescriptorProto(textFormatString: messages)
    file.service = [
      .with { service in
        service.name = "S"
        service.method = methods.map { method in
          .with {
            $0.name = method.name
            $0.inputType = method.input
            $0.outputType = method.output
            $0.clientStreaming = method.isClientStreaming
            $0.serverStreaming = method.isServerStreaming
            if let rule = method.rule { $0.options.Google_Api_http = rule }
          }
        }
      }
    ]
    let set = Google_Protobuf_FileDescriptorSet.with { $0.file = [file] }
    return try DescriptorPool(
      fileDescriptorSet: set.serializedBytes(), supplying: WellKnownDescriptors.fileDescriptorSet)
  }

  let pool: DescriptorPool
  let dispatcher = ScriptedDispatcher()
  let reports = Reports()
  private let transcoder: HTTPTranscoder

  /// Methods whose names begin with "Stream" or "Act" are actions, all others those of an entity with the key
  /// `id`.
  init(
    _ methods: Method..., configuration: HTTPTranscoderConfiguration = .init(),
    authenticator: Authenticator? = nil
  ) throws {
    try self.init(all: methods, configuration: configuration, authenticator: authenticator)
  }

  init(
    all methods: [Method], configuration: HTTPTranscoderConfiguration = .init(),
    authenticator: Authenticator? = nil
  ) throws {
    pool = try Self.pool(methods)
    let keys = try pool.keyExtractor(message: "t.In", fieldNumbers: [1])
    let routes = methods.map { method in
      IngressRoute(
        serviceName: "t.S", method: method.name,
        target: method.isServerStreaming || method.name.hasPrefix("Act")
          ? .action(
            ActionShape(
              isClientStreaming: method.isClientStreaming,
              isServerStreaming: method.isServerStreaming))
          : .entity(persistenceID: "p", entityID: { try keys.key(of: $0) }),
        inputTypeURL: "type.googleapis.com/" + method.input.dropFirst(),
        outputTypeURL: "type.googleapis.com/" + method.output.dropFirst())
    }
    let reports = reports
    let ingress = Ingress(
      configuration: IngressConfiguration(), service: shop, routes: routes,
      dispatcher: dispatcher, mounts: [], report: { reports.add($0) })
    transcoder = HTTPTranscoder(
      bindings: try HTTPBindings(pool: pool, services: ["t.S"]), configuration: configuration,
      gate: AccessGate(ingress: ingress, authenticator: authenticator))
  }

  /// Serves other rules from now on.
  func update(_ methods: Method...) throws {
    transcoder.update(try HTTPBindings(pool: Self.pool(methods), services: ["t.S"]))
  }

  /// A request and what is answered, with who hears of the exchange.
  @discardableResult
  func send(
    _ method: String, _ target: String, headers: [(String, String)] = [], body: String = ""
  ) -> (exchange: RecordedExchange, handler: (any HTTPServerExchangeHandler)?) {
    send(method, target, headers: headers, bytes: Array(body.utf8))
  }

  /// As ``send(_:_:headers:body:)``, with bytes that are no text.
  @discardableResult
  func send(
    _ method: String, _ target: String, headers: [(String, String)], bytes: [UInt8]
  ) -> (exchange: RecordedExchange, handler: (any HTTPServerExchangeHandler)?) {
    let exchange = RecordedExchange()
    var metadata = GRPCMetadata()
    for (name, value) in headers { metadata.add(name, value) }
    let handler = transcoder.handle(
      HTTPServerRequest(
        method: method, target: target, headers: metadata, body: ByteBuffer(bytes: bytes)),
      on: exchange)
    return (exchange, handler)
  }

  /// As ``send(_:_:headers:body:)``, with JSON.
  @discardableResult
  func post(
    _ target: String, _ json: String, headers: [(String, String)] = []
  ) -> (exchange: RecordedExchange, handler: (any HTTPServerExchangeHandler)?) {
    send("POST", target, headers: headers + [("content-type", "application/json")], body: json)
  }

  /// The last command that was to be run, as JSON of what is set.
  func lastCommand(message: String = "t.In") throws -> String? {
    guard let payload = dispatcher.commands.last?.command.payload else { return nil }
    return try pool.json(fromBinary: payload, message: message, printDefaults: false)
  }

  /// Answers the last command with a reply given as JSON.
  func reply(
    _ json: String, message: String = "t.Out", metadata: [CommandMetadata] = [],
    commitment: Commitment? = nil
  ) throws {
    let payload = ReplyPayload(
      typeURL: "type.googleapis.com/" + message,
      value: try pool.binary(fromJSON: json, message: message), metadata: metadata)
    dispatcher.commands.last?.completion(
      CommandAnswer(.reply(payload), commitment: commitment))
  }

  /// A response of the last action's call, given as JSON.
  func respond(
    _ json: String, message: String = "t.Out", metadata: [CommandMetadata] = []
  ) throws {
    let payload = ReplyPayload(
      typeURL: "type.googleapis.com/" + message,
      value: try pool.binary(fromJSON: json, message: message), metadata: metadata)
    dispatcher.actions.last?.owner.received(CommandAnswer(.reply(payload)))
  }
}

/// A rule with its pattern and body.
func rule(
  get: String? = nil, post: String? = nil, body: String = "", responseBody: String = "",
  also: [Google_Api_HttpRule] = []
) -> Google_Api_HttpRule {
  .with {
    if let get { $0.get = get }
    if let post { $0.post = post }
    $0.body = body
    $0.responseBody = responseBody
    $0.additionalBindings = also
  }
}
