import CDynamicProtobuf

/// Reads some scalar fields of a message as one text, straight from the wire: neither the whole message
/// nor its other fields are decoded. Any thread, several at once.
package final class EntityKeyExtractor: Sendable {
  /// Between the texts of several fields.
  private static let separator = "-"

  /// Full name of the message type.
  package let message: String
  private let fields: [KeyField]
  private let only: KeyField?

  fileprivate init(message: String, fields: [KeyField]) {
    self.message = message
    self.fields = fields
    only = fields.count == 1 ? fields.first : nil
  }

  /// The texts of the fields in the order of their declaration, joined with `-`: strings as they are,
  /// integers decimal, `true` or `false`, enum values by name and unknown ones by number. A field that is
  /// not set has its default value; of a field set more than once the last value counts, as in every
  /// protobuf parser. Without fields the text is empty.
  ///
  /// - Parameter message: a serialized message.
  /// - Throws: ``TranscodingError/Kind/malformedBinary`` when the bytes are not a message, or the text of
  ///   a field is not UTF-8. Embedded messages are not looked into.
  package func key(of message: UnsafeRawBufferPointer) throws(TranscodingError) -> String {
    do {
      // Nearly all messages have one key field; for these nothing but the text is allocated.
      if let only { return try only.text(lastValue(only, message), in: message) }
      let values = try lastValues(message)
      var key = ""
      for (index, field) in fields.enumerated() {
        if index > 0 { key += Self.separator }
        key += try field.text(values[index], in: message)
      }
      return key
    } catch {
      throw TranscodingError(.malformedBinary, "the bytes are not a \(self.message)")
    }
  }

  private func lastValue(
    _ wanted: KeyField, _ message: UnsafeRawBufferPointer
  ) throws(MalformedWire) -> WireScanner.Value? {
    var value: WireScanner.Value?
    var scanner = WireScanner(message)
    while let field = try scanner.next() {
      if wanted.accepts(field) { value = field.value }
    }
    return value
  }

  private func lastValues(
    _ message: UnsafeRawBufferPointer
  ) throws(MalformedWire) -> [WireScanner.Value?] {
    var values = [WireScanner.Value?](repeating: nil, count: fields.count)
    var scanner = WireScanner(message)
    while let field = try scanner.next() {
      for index in fields.indices where fields[index].accepts(field) {
        values[index] = field.value
      }
    }
    return values
  }
}

extension DescriptorPool {
  /// An extractor for the fields with these numbers, whatever their order here.
  ///
  /// - Throws: ``DescriptorError/Kind/noSuchMessage``, or ``DescriptorError/Kind/invalid`` when a number
  ///   has no field or a field is repeated, a map, a message, bytes or floating point: such values have
  ///   no stable text.
  package func keyExtractor(
    message name: String, fieldNumbers: [Int32]
  ) throws(DescriptorError) -> EntityKeyExtractor {
    guard let handle = messageHandle(name), let message = message(named: name) else {
      throw DescriptorError(.noSuchMessage, "there is no message \(name)")
    }
    for number in fieldNumbers where !message.fields.contains(where: { $0.number == number }) {
      throw DescriptorError(.invalid, "message \(name) has no field with number \(number)")
    }
    var fields: [KeyField] = []
    for (index, field) in message.fields.enumerated() where fieldNumbers.contains(field.number) {
      fields.append(try keyField(field, at: index, of: handle, named: name))
    }
    return EntityKeyExtractor(message: name, fields: fields)
  }

  private func keyField(
    _ field: FieldDescriptor, at index: Int, of message: OpaquePointer, named name: String
  ) throws(DescriptorError) -> KeyField {
    guard let form = KeyField.Form(field, enumValues: enumValues) else {
      let type =
        field.isMap ? "map" : (field.isRepeated ? "repeated \(field.kind)" : "\(field.kind)")
      throw DescriptorError(
        .invalid,
        "field \(field.name) of message \(name) has the type \(type), which has no stable text; "
          + "use a string, an integer, a bool or an enum")
    }
    var text = dpb_buffer()
    let status = dpb_message_field_default(message, index, &text)
    let defaultText = String(consuming: text)
    guard status == DPB_OK else {
      throw DescriptorError(.invalid, "field \(field.name) of message \(name): \(defaultText)")
    }
    return KeyField(number: field.number, form: form, defaultText: defaultText)
  }

  private func enumValues(_ name: String) -> (names: [Int32: String], isClosed: Bool)? {
    guard let type = withText(name, { dpb_find_enum(self.handle, $0) }) else { return nil }
    let values = (0..<dpb_enum_value_count(type)).map { dpb_enum_value_at(type, $0) }
    return (
      // Of aliases the one declared first, as libprotobuf prints them.
      Dictionary(values.map { ($0.number, String($0.name)) }) { first, _ in first },
      dpb_enum_is_closed(type)
    )
  }
}
