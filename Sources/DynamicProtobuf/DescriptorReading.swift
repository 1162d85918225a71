import CDynamicProtobuf

/// Copies of what the C interface lends.

extension ServiceDescriptor {
  init(_ service: OpaquePointer) {
    let methods = (0..<dpb_service_method_count(service)).map { index in
      let method = dpb_service_method(service, index)
      var options = dpb_buffer()
      let status = dpb_service_method_options(service, index, &options)
      return MethodDescriptor(
        name: String(method.name), fullName: String(method.full_name),
        inputType: String(method.input_type), outputType: String(method.output_type),
        isClientStreaming: method.is_client_streaming,
        isServerStreaming: method.is_server_streaming, options: [UInt8](consuming: options, status))
    }
    self.init(
      fullName: String(dpb_service_name(service)), fileName: String(dpb_service_file(service)),
      methods: methods)
  }
}

extension MessageDescriptor {
  init(_ message: OpaquePointer, fullName: String) {
    let fields = (0..<dpb_message_field_count(message)).compactMap { index in
      FieldDescriptor(message, index)
    }
    self.init(fullName: fullName, fields: fields)
  }
}

extension FieldDescriptor {
  fileprivate init?(_ message: OpaquePointer, _ index: Int) {
    let field = dpb_message_field(message, index)
    guard let kind = Kind(rawValue: field.type) else { return nil }
    var options = dpb_buffer()
    let status = dpb_message_field_options(message, index, &options)
    let typeName = String(field.type_name)
    self.init(
      name: String(field.name), jsonName: String(field.json_name), number: field.number,
      kind: kind, isRepeated: field.is_repeated, isMap: field.is_map,
      typeName: typeName.isEmpty ? nil : typeName,
      options: [UInt8](consuming: options, status))
  }
}

extension [UInt8] {
  /// The bytes of a successful call; nothing of a failed one, whose buffer holds an error text.
  fileprivate init(consuming buffer: dpb_buffer, _ status: dpb_status) {
    let bytes = [UInt8](consuming: buffer)
    self = status == DPB_OK ? bytes : []
  }
}
