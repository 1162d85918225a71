import DynamicProtobuf

/// The value of a query parameter as a serialized field (proxy behaviour, section 12.4; `google.api.HttpRule`).
struct QueryValue {
  /// Messages that are one value in proto3 JSON, and so in a query: a string or what can be written as one.
  static let textTypes: Set<String> = [
    "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask",
    "google.protobuf.DoubleValue", "google.protobuf.FloatValue", "google.protobuf.Int64Value",
    "google.protobuf.UInt64Value", "google.protobuf.Int32Value", "google.protobuf.UInt32Value",
    "google.protobuf.BoolValue", "google.protobuf.StringValue", "google.protobuf.BytesValue",
  ]

  let pool: DescriptorPool
  /// The message that the path begins in.
  let message: String

  /// Whether a query can set a field: scalars, enums and ``textTypes``, also repeated.
  static func canSet(_ field: FieldDescriptor) -> Bool {
    switch field.kind {
    case .message: field.typeName.map(textTypes.contains) ?? false
    case .group: false
    default: true
    }
  }

  func encode(
    _ parameter: RequestTarget.Parameter, as path: FieldPath
  ) throws(HTTPProblem) -> [UInt8] {
    guard Self.canSet(path.last) else {
      throw .badRequest(
        "the query parameter '\(parameter.name)' is a message; name one of its fields")
    }
    switch path.last.kind {
    case .enum, .message: return try encodeJSON(parameter, as: path)
    default: return try FieldText.encode(parameter.value, as: path)
    }
  }

  /// By way of the JSON of the message that has the field.
  private func encodeJSON(
    _ parameter: RequestTarget.Parameter, as path: FieldPath
  ) throws(HTTPProblem) -> [UInt8] {
    let value = JSONValue.string(parameter.value)
    let member = JSONValue.Member(
      name: path.last.name, value: path.last.isRepeated ? .array([value]) : value)
    let container = path.fields.dropLast().last?.typeName ?? message
    do throws(TranscodingError) {
      let bytes = try pool.binary(fromJSON: JSONValue.object([member]).text, message: container)
      return FieldText.enclose(bytes, in: path.fields.dropLast())
    } catch {
      throw .badRequest("the query parameter '\(parameter.name)' is not valid: \(error.message)")
    }
  }
}
