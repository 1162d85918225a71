import CDynamicProtobuf

extension DescriptorPool {
  /// A serialized message as compact proto3 JSON (protobuf documentation, "ProtoJSON Format"): names in
  /// lowerCamelCase, 64-bit integers as strings, an `Any` unpacked with its `@type`. Fields that are
  /// unknown here are left out.
  ///
  /// - Parameters:
  ///   - message: full name of the message type.
  ///   - printDefaults: also print scalar and repeated fields that are not set.
  /// - Throws: ``TranscodingError/Kind/noSuchMessage``, ``TranscodingError/Kind/malformedBinary``, or
  ///   ``TranscodingError/Kind/unprintable``.
  package func json(
    fromBinary binary: [UInt8], message: String, printDefaults: Bool
  ) throws(TranscodingError) -> String {
    let type = try messageType(message)
    var output = dpb_buffer()
    let status = withText(binary) {
      dpb_json_from_binary(handle, type, $0, printDefaults, &output)
    }
    let text = String(consuming: output)
    switch status {
    case DPB_OK: return text
    case DPB_MALFORMED: throw TranscodingError(.malformedBinary, text)
    default: throw TranscodingError(.unprintable, "\(message) has no JSON form: \(text)")
    }
  }

  /// The serialized message that a JSON text means. Field names may be lowerCamelCase or as declared; the
  /// text must be JSON by the letter, where libprotobuf alone would let much pass.
  ///
  /// - Parameter message: full name of the message type.
  /// - Throws: ``TranscodingError/Kind/noSuchMessage``, ``TranscodingError/Kind/invalidJSON``, or
  ///   ``TranscodingError/Kind/unknownField`` with the nearest field name.
  package func binary(
    fromJSON json: String, message: String
  ) throws(TranscodingError) -> [UInt8] {
    let type = try messageType(message)
    try JSONSyntax.check(json)
    var output = dpb_buffer()
    let status = withText(json) { dpb_binary_from_json(handle, type, $0, &output) }
    guard status == DPB_OK else {
      throw explain(String(consuming: output), json: json, message: message)
    }
    return [UInt8](consuming: output)
  }

  /// The one serialized form of what the bytes say. Parts of a message that stand behind each other are
  /// merged by it as the protobuf encoding has it: of a singular field the last value counts, repeated ones
  /// are joined, embedded messages are merged in turn.
  ///
  /// - Parameter message: full name of the message type.
  /// - Throws: ``TranscodingError/Kind/noSuchMessage``, or ``TranscodingError/Kind/malformedBinary`` when the
  ///   bytes are no complete message of the type.
  package func canonicalBinary(
    _ binary: [UInt8], message: String
  ) throws(TranscodingError) -> [UInt8] {
    let type = try messageType(message)
    var output = dpb_buffer()
    let status = withText(binary) { dpb_canonical_binary(handle, type, $0, &output) }
    guard status == DPB_OK else {
      throw TranscodingError(.malformedBinary, String(consuming: output))
    }
    return [UInt8](consuming: output)
  }

  /// The JSON of one field of a serialized message, default values included. Of a message that is not set, that
  /// of an empty one; `null` where that would be a value, as of a timestamp, and for a scalar field that is not
  /// set where that can be told.
  ///
  /// - Parameters:
  ///   - field: a field of the message type.
  ///   - message: full name of the message type.
  /// - Throws: as ``json(fromBinary:message:printDefaults:)``.
  package func json(
    of field: FieldDescriptor, fromBinary binary: [UInt8], message: String
  ) throws(TranscodingError) -> String {
    let whole = try json(fromBinary: binary, message: message, printDefaults: true)
    if let value = JSONMember.value(of: field.jsonName, in: whole) { return value }
    guard field.kind == .message, !field.isRepeated, let type = field.typeName,
      !type.hasPrefix("google.protobuf.") || Self.emptyContainers.contains(type)
    else {
      return "null"
    }
    return try json(fromBinary: [], message: type, printDefaults: true)
  }

  /// The messages of `google.protobuf` whose JSON without content is an empty object or list.
  private static let emptyContainers: Set<String> = [
    "google.protobuf.Empty", "google.protobuf.Struct", "google.protobuf.ListValue",
  ]

  /// The serialized content of a field of a message type, the merged one where it stands more than once;
  /// nothing when it is not set.
  ///
  /// - Parameters:
  ///   - field: a singular message field of the message type.
  ///   - message: full name of the message type, for the error.
  /// - Throws: ``TranscodingError/Kind/malformedBinary``.
  package func content(
    of field: FieldDescriptor, inBinary binary: [UInt8], message: String
  ) throws(TranscodingError) -> [UInt8] {
    do throws(MalformedWire) {
      return try mergedMessage(field.number, in: binary) ?? []
    } catch {
      throw TranscodingError(.malformedBinary, "the bytes are not a \(message)")
    }
  }

  /// Checks that a text is JSON by the letter; see ``binary(fromJSON:message:)``.
  ///
  /// - Throws: ``TranscodingError/Kind/invalidJSON`` with line and column.
  package static func checkSyntax(ofJSON json: String) throws(TranscodingError) {
    try JSONSyntax.check(json)
  }

  private func messageType(_ name: String) throws(TranscodingError) -> OpaquePointer {
    guard let type = messageHandle(name) else {
      throw TranscodingError(.noSuchMessage, "there is no message \(name)")
    }
    return type
  }
}
