/// Values filed under subject patterns, such that all values whose pattern matches a subject are found
/// without looking at the others.
///
/// A tree of tokens: each node holds the values of the patterns that end there and of those that go on
/// with `>`. Matching costs one look-up for each token of the subject and wildcard branch, however many
/// patterns there are; the answer is that of ``SubjectPattern/matches(_:)``. A pure value.
package struct SubjectTree<Value> {
  private var root = Node()

  /// How many values are filed.
  package private(set) var count = 0

  package init() {}

  package var isEmpty: Bool { count == 0 }

  /// Files `value`; a pattern may hold any number of values, equal ones too.
  package mutating func insert(_ value: Value, for pattern: SubjectPattern) {
    root.insert(value, for: pattern.tokens[...])
    count += 1
  }

  /// Removes the values of exactly this pattern (not of those it matches) that `isDoomed` selects, and
  /// answers how many there were.
  @discardableResult
  package mutating func remove(
    for pattern: SubjectPattern, where isDoomed: (Value) -> Bool
  ) -> Int {
    let removed = root.remove(for: pattern.tokens[...], where: isDoomed)
    count -= removed
    return removed
  }

  /// Calls `body` with each value whose pattern matches, in no particular order.
  package func forEachMatch(of subject: Subject, _ body: (Value) -> Void) {
    root.forEachMatch(of: Substring(subject.text), body)
  }

  /// All values whose pattern matches, in no particular order.
  package func matches(of subject: Subject) -> [Value] {
    var found: [Value] = []
    forEachMatch(of: subject) { found.append($0) }
    return found
  }
}

extension SubjectTree: Sendable where Value: Sendable {}
extension SubjectTree.Node: Sendable where Value: Sendable {}

extension SubjectTree {
  /// A token as dictionary key, equal by bytes.
  fileprivate struct Token: Hashable, Sendable {
    let text: Substring

    static func == (left: Self, right: Self) -> Bool { sameBytes(left.text, right.text) }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
  }

  fileprivate struct Node {
    var children: [Token: Node] = [:]
    /// The branch of `*`: none or one node. An array because a structure cannot hold itself.
    var anyToken: [Node] = []
    /// Values of the patterns that end with this node's token.
    var values: [Value] = []
    /// Values of the patterns that go on with `>`.
    var tailValues: [Value] = []

    var isEmpty: Bool {
      children.isEmpty && anyToken.isEmpty && values.isEmpty && tailValues.isEmpty
    }

    mutating func insert(_ value: Value, for tokens: ArraySlice<String>) {
      guard let token = tokens.first else { return values.append(value) }
      switch token {
      case ">":
        tailValues.append(value)
      case "*":
        if anyToken.isEmpty { anyToken.append(Node()) }
        anyToken[0].insert(value, for: tokens.dropFirst())
      default:
        children[Token(text: token[...]), default: Node()].insert(value, for: tokens.dropFirst())
      }
    }

    mutating func remove(
      for tokens: ArraySlice<String>, where isDoomed: (Value) -> Bool
    ) -> Int {
      guard let token = tokens.first else { return Self.removeAll(from: &values, where: isDoomed) }
      switch token {
      case ">":
        return Self.removeAll(from: &tailValues, where: isDoomed)
      case "*":
        guard !anyToken.isEmpty else { return 0 }
        let removed = anyToken[0].remove(for: tokens.dropFirst(), where: isDoomed)
        if anyToken[0].isEmpty { anyToken = [] }
        return removed
      default:
        guard let index = children.index(forKey: Token(text: token[...])) else { return 0 }
        let removed = children.values[index].remove(for: tokens.dropFirst(), where: isDoomed)
        if children.values[index].isEmpty { children.remove(at: index) }
        return removed
      }
    }

    func forEachMatch(of subject: Substring, _ body: (Value) -> Void) {
      tailValues.forEach(body)
      let end = subject.utf8.firstIndex(of: SubjectSyntax.dot) ?? subject.endIndex
      let rest = end == subject.endIndex ? nil : subject[subject.utf8.index(after: end)...]
      if !children.isEmpty, let child = children[Token(text: subject[..<end])] {
        child.descend(rest, body)
      }
      if let child = anyToken.first { child.descend(rest, body) }
    }

    /// Goes on with what follows this node's token, or ends here.
    private func descend(_ rest: Substring?, _ body: (Value) -> Void) {
      if let rest { forEachMatch(of: rest, body) } else { values.forEach(body) }
    }

    private static func removeAll(
      from values: inout [Value], where isDoomed: (Value) -> Bool
    ) -> Int {
      let before = values.count
      values.removeAll(where: isDoomed)
      return before - values.count
    }
  }
}
