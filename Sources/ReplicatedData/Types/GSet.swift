/// A set that only grows.
struct GSet: ElementStore {
  static let kind = ReplicatedKind.gset

  var content = ElementDots()

  /// An element that is already there is left alone.
  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    guard case .gset(let elements) = delta else { return fragment }
    var added: [DataElement] = []
    for element in elements where !content.contains(element) {
      content.add(element, &mutation)
      added.append(element)
    }
    fragment.content = content.restricted(to: added)
    return fragment
  }

  func functionValue(in electorate: Electorate) -> FunctionValue { .gset(content.elements) }

  static func unwrap(_ content: ReplicatedContent) -> Self? {
    if case .gset(let store) = content { store } else { nil }
  }

  var wrapped: ReplicatedContent { .gset(self) }
}
