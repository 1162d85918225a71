/// A serialized value of a function (`google.protobuf.Any`), of which only the bytes matter here. Elements
/// are ordered by type URL, then by value, each byte-wise.
///
/// They are compared by their bytes too. Swift's own comparison of texts takes different spellings of the
/// same characters for equal and would mix up two elements.
package struct DataElement: Hashable, Sendable, Comparable {
  package let typeURL: String
  package let value: [UInt8]

  package init(typeURL: String, value: [UInt8]) {
    self.typeURL = typeURL
    self.value = value
  }

  /// What stands for a missing element.
  package static let empty = DataElement(typeURL: "", value: [])

  package static func == (left: Self, right: Self) -> Bool {
    left.value == right.value && order(left.typeURL.utf8Span.span, right.typeURL.utf8Span.span) == 0
  }

  /// Elements of a set mostly share their type URL, so its length is enough.
  package func hash(into hasher: inout Hasher) {
    hasher.combine(typeURL.utf8.count)
    hasher.combine(value)
  }

  package static func < (left: Self, right: Self) -> Bool {
    let typeOrder = order(left.typeURL.utf8Span.span, right.typeURL.utf8Span.span)
    return typeOrder == 0 ? order(left.value.span, right.value.span) < 0 : typeOrder < 0
  }
}

/// Negative where `left` comes first, 0 where both are equal. Sets sort their elements whenever they are
/// encoded, and the generic comparisons of sequences are several times slower.
private func order(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Int {
  for index in 0..<min(left.count, right.count) where left[index] != right[index] {
    return Int(left[index]) - Int(right[index])
  }
  return left.count - right.count
}
