package import Yams

/// Reads typed values out of a YAML tree and gathers every problem instead of stopping at the first.
///
/// A value that cannot be read is reported and answered as `nil`; the caller goes on.
package struct YAMLFields {
  package private(set) var problems: [SettingsProblem] = []

  package init() {}

  /// The place of a node; Yams marks every node that it parsed from text.
  package static func location(_ node: Node) -> SourceLocation {
    SourceLocation(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
  }

  package mutating func report(_ message: String, at node: Node) {
    problems.append(SettingsProblem(message, at: Self.location(node)))
  }

  package mutating func report(_ problem: SettingsProblem) { problems.append(problem) }

  /// The tree of a whole file, if it is YAML at all.
  ///
  /// - Parameter whenEmpty: what to say of a file without content.
  package mutating func root(of text: String, whenEmpty: String) -> Node? {
    func report(_ message: String, _ mark: Mark?) {
      let location = mark.map { SourceLocation(line: $0.line, column: $0.column) }
      self.report(SettingsProblem(message, at: location ?? SourceLocation(line: 1, column: 1)))
    }
    do {
      if let root = try compose(yaml: text) { return root }
      report(whenEmpty, nil)
    } catch let error as YamlError {
      switch error {
      case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        report("not valid YAML: \(problem)", mark)
      case .duplicatedKeysInMapping(let duplicates, let context):
        let keys = duplicates.map { "'\($0)'" }.joined(separator: ", ")
        report("given twice in one mapping: \(keys)", context.mark)
      default:
        report("not valid YAML: \(error)", nil)
      }
    } catch {
      report("not valid YAML: \(error)", nil)
    }
    return nil
  }

  /// The values of a mapping by key. Unknown keys are reported with the nearest known one.
  ///
  /// - Parameter what: names the mapping in messages, for example `a service`.
  package mutating func mapping(_ node: Node, _ what: String, keys: [String]) -> [String: Node]? {
    guard let mapping = node.mapping else {
      report("\(what) is \(Self.kind(node)), not a mapping of keys", at: node)
      return nil
    }
    var values: [String: Node] = [:]
    for (keyNode, value) in mapping {
      guard let key = keyNode.scalar?.string else {
        report("a key of \(what) is \(Self.kind(keyNode))", at: keyNode)
        continue
      }
      if keys.contains(key) {
        values[key] = value
      } else if let suggestion = nearest(to: key, among: keys) {
        report("unknown key '\(key)' in \(what); did you mean '\(suggestion)'?", at: keyNode)
      } else {
        report(
          "unknown key '\(key)' in \(what); known keys are \(keys.joined(separator: ", "))",
          at: keyNode)
      }
    }
    return values
  }

  /// The text of a scalar; numbers and booleans count as the text that stands in the file.
  package mutating func text(_ node: Node?, _ what: String) -> String? {
    guard let node else { return nil }
    guard let scalar = node.scalar, !Self.isNull(node) else {
      report("\(what) is \(Self.kind(node)), not a text", at: node)
      return nil
    }
    return scalar.string
  }

  package mutating func integer(_ node: Node?, _ what: String, in range: ClosedRange<Int>) -> Int? {
    guard let node else { return nil }
    guard let text = node.scalar?.string, let value = Int(text) else {
      report("\(what) is \(Self.kind(node)), not a whole number", at: node)
      return nil
    }
    guard range.contains(value) else {
      report("\(what) is \(value); it can be \(range.lowerBound) to \(range.upperBound)", at: node)
      return nil
    }
    return value
  }

  /// A number with or without a point.
  package mutating func number(
    _ node: Node?, _ what: String, in range: ClosedRange<Double>
  ) -> Double? {
    guard let node else { return nil }
    guard let text = node.scalar?.string, let value = Double(text), value.isFinite else {
      report("\(what) is \(Self.kind(node)), not a number", at: node)
      return nil
    }
    guard range.contains(value) else {
      report("\(what) is \(text); it can be \(range.lowerBound) to \(range.upperBound)", at: node)
      return nil
    }
    return value
  }

  package mutating func boolean(_ node: Node?, _ what: String) -> Bool? {
    guard let node else { return nil }
    guard let value = node.bool else {
      report("\(what) is \(Self.kind(node)); write true or false", at: node)
      return nil
    }
    return value
  }

  package mutating func duration(
    _ node: Node?, _ what: String, in range: ClosedRange<Duration>
  ) -> Duration? {
    guard let node, let text = text(node, what) else { return nil }
    do {
      let value = try Duration(text: text)
      guard range.contains(value) else {
        report(
          "\(what) is \(text); it can be \(range.lowerBound.text) to \(range.upperBound.text)",
          at: node)
        return nil
      }
      return value
    } catch {
      report("\(what): \(error)", at: node)
      return nil
    }
  }

  /// One of a closed set of words.
  package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ node: Node?, _ what: String, of type: Choice.Type
  ) -> Choice? {
    guard let node, let text = text(node, what) else { return nil }
    if let value = Choice(rawValue: text) { return value }
    let words = Choice.allCases.map(\.rawValue)
    let suggestion = nearest(to: text, among: words).map { "; did you mean '\($0)'?" }
    report(
      "\(what) is '\(text)'\(suggestion ?? "; it can be \(words.joined(separator: " or "))")",
      at: node)
    return nil
  }

  /// The nodes of a list.
  package mutating func list(_ node: Node, _ what: String) -> [Node]? {
    guard let sequence = node.sequence else {
      report("\(what) is \(Self.kind(node)), not a list", at: node)
      return nil
    }
    return Array(sequence)
  }

  /// What stands at a node, for messages.
  package static func kind(_ node: Node) -> String {
    switch node {
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    case .scalar(let scalar): isNull(node) ? "empty" : "'\(scalar.string)'"
    }
  }

  private static func isNull(_ node: Node) -> Bool {
    node.scalar?.style == .plain && node.null != nil
  }
}
