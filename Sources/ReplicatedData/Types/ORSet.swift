/// A set whose elements may be removed. Of an addition and a removal that did not know of each other the
/// addition wins: a removal takes away the additions it has seen.
struct ORSet: ElementStore {
  static let kind = ReplicatedKind.orset

  var content = ElementDots()

  /// Adding an element that is already there leaves a fresh dot, so that the addition wins over a removal
  /// elsewhere that does not know of it.
  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    guard case .orset(let change) = delta else { return fragment }
    if change.cleared { reset(&mutation) }
    for element in change.removed { content.remove(element, &mutation) }
    for element in change.added { content.add(element, &mutation) }
    fragment.content = content.restricted(to: change.added)
    return fragment
  }

  func functionValue(in electorate: Electorate) -> FunctionValue { .orset(content.elements) }

  static func unwrap(_ content: ReplicatedContent) -> Self? {
    if case .orset(let store) = content { store } else { nil }
  }

  var wrapped: ReplicatedContent { .orset(self) }
}
