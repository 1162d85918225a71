import CDynamicProtobuf

/// Conversions between Swift values and the two kinds of bytes in the C interface.

/// Calls `body` with the UTF-8 bytes of a text, which are valid only during the call.
func withText<Result>(_ text: String, _ body: (dpb_text) -> Result) -> Result {
  var text = text
  return text.withUTF8 { utf8 in
    UnsafeRawBufferPointer(utf8).withMemoryRebound(to: CChar.self) { characters in
      body(dpb_text(bytes: characters.baseAddress, size: characters.count))
    }
  }
}

/// Calls `body` with bytes that are valid only during the call.
func withText<Result>(_ bytes: [UInt8], _ body: (dpb_text) -> Result) -> Result {
  bytes.withUnsafeBytes { buffer in
    buffer.withMemoryRebound(to: CChar.self) { characters in
      body(dpb_text(bytes: characters.baseAddress, size: characters.count))
    }
  }
}

extension String {
  /// Copies; what is not UTF-8 is replaced.
  init(_ text: dpb_text) {
    self.init(
      decoding: UnsafeRawBufferPointer(start: text.bytes, count: text.bytes == nil ? 0 : text.size),
      as: UTF8.self)
  }

  /// Copies and frees the buffer; what is not UTF-8 is replaced.
  init(consuming buffer: dpb_buffer) {
    defer { dpb_buffer_free(buffer) }
    self.init(
      decoding: UnsafeRawBufferPointer(
        start: buffer.bytes, count: buffer.bytes == nil ? 0 : buffer.size),
      as: UTF8.self)
  }
}

extension [UInt8] {
  /// Copies and frees the buffer.
  init(consuming buffer: dpb_buffer) {
    defer { dpb_buffer_free(buffer) }
    self.init(
      UnsafeRawBufferPointer(start: buffer.bytes, count: buffer.bytes == nil ? 0 : buffer.size))
  }
}
