import CDynamicProtobuf

extension DescriptorPool {
  /// Turns libprotobuf's report about a JSON text into one for the person who typed it. The forms below
  /// are those of `StatusErrorListener` in libprotobuf 3.21; any other report is passed on as it is.
  func explain(
    _ report: String, json: String, message: String
  ) -> TranscodingError {
    if report.hasSuffix(": Root element must be a message.") {
      return TranscodingError(.invalidJSON, "the JSON of a \(message) must be an object")
    }
    if let failure = unknownField(report, json: json, message: message) { return failure }
    if let failure = invalidValue(report) { return failure }
    return TranscodingError(.invalidJSON, report)
  }

  /// `(path) name: Cannot find field.`, the path only when it is not empty.
  private func unknownField(
    _ report: String, json: String, message: String
  ) -> TranscodingError? {
    let ending = ": Cannot find field."
    guard report.hasSuffix(ending) else { return nil }
    var name = report.dropLast(ending.count)
    var path: Substring = ""
    if name.hasPrefix("("), let end = name.range(of: ") ") {
      path = name[name.index(after: name.startIndex)..<end.lowerBound]
      name = name[end.upperBound...]
    }
    var text = "unknown field \"\(name)\""
    // Paths start anew inside an Any, so that with one in the text the type is uncertain.
    let type = json.contains("\"@type\"") ? nil : messageType(at: path, in: message)
    if let type { text += " of \(type.fullName)" }
    if !path.isEmpty { text += " at \(path)" }
    let known = type?.fields.flatMap { [$0.jsonName, $0.name] } ?? []
    if let nearest = nearestName(to: String(name), among: known) {
      text += "; did you mean \"\(nearest)\"?"
    }
    return TranscodingError(.unknownField, text)
  }

  /// `(path): invalid value V for type T`, the path only when it is not empty.
  private func invalidValue(_ report: String) -> TranscodingError? {
    let middle = ": invalid value "
    guard let start = report.range(of: middle), let end = report.lastRange(of: " for type ") else {
      return nil
    }
    guard start.upperBound <= end.lowerBound else { return nil }
    let value = report[start.upperBound..<end.lowerBound]
    let place = report[..<start.lowerBound].filter { $0 != "(" && $0 != ")" }
    let prefix = place.isEmpty ? "" : "field \(place): "
    let type = report[end.upperBound...]
    if type.hasPrefix("TYPE_") {
      return TranscodingError(
        .invalidJSON, "\(prefix)\(value) is not a valid \(type.dropFirst(5).lowercased())")
    }
    let url = "type.googleapis.com/"
    guard type.hasPrefix(url) else { return TranscodingError(.invalidJSON, "\(prefix)\(value)") }
    let name = String(type.dropFirst(url.count))
    var text = "\(prefix)\(value) is not a valid \(name)"
    let wanted = value.filter { $0 != "\"" }
    if let nearest = nearestName(to: wanted, among: enumValueNames(name)) {
      text += "; did you mean \"\(nearest)\"?"
    }
    return TranscodingError(.invalidJSON, text)
  }

  private func enumValueNames(_ name: String) -> [String] {
    guard let type = withText(name, { dpb_find_enum(handle, $0) }) else { return [] }
    return (0..<dpb_enum_value_count(type)).map { String(dpb_enum_value_at(type, $0).name) }
  }

  /// The message type that a path such as `cart.items[3].labels["a"]` leads to.
  private func messageType(at path: Substring, in message: String) -> MessageDescriptor? {
    var type = self.message(named: message)
    for step in path.split(separator: ".") {
      let name = step.prefix { $0 != "[" }
      guard let field = type?.fields.first(where: { $0.name == name || $0.jsonName == name }),
        let typeName = field.typeName
      else { return nil }
      type = self.message(named: typeName)
      // The entry of a map stands between the field and the value.
      if field.isMap {
        guard let valueType = type?.fields.first(where: { $0.number == 2 })?.typeName else {
          return nil
        }
        type = self.message(named: valueType)
      }
    }
    return type
  }
}

extension StringProtocol {
  fileprivate func range(of text: String) -> Range<Index>? {
    indices.lazy.compactMap { self.range(of: text, at: $0) }.first
  }

  fileprivate func lastRange(of text: String) -> Range<Index>? {
    indices.reversed().lazy.compactMap { self.range(of: text, at: $0) }.first
  }

  private func range(of text: String, at start: Index) -> Range<Index>? {
    guard self[start...].hasPrefix(text) else { return nil }
    return start..<index(start, offsetBy: text.count)
  }
}
