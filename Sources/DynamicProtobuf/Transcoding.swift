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

  private func messageType(_ name: String) throws(TranscodingError) -> OpaquePointer {
    guard let type = messageHandle(name) else {
      throw TranscodingError(.noSuchMessage, "there is no message \(name)")
    }
    return type
  }
}
