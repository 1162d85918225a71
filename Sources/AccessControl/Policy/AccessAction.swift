package import CloudstateModel

/// What can be allowed or denied.
package enum AccessAction: String, Hashable, Sendable, CaseIterable {
  /// Send a command, whatever kind of entity or action carries it out.
  case send
  /// Follow events.
  case tail
  /// Look into a node or change it.
  case admin

  /// The first two tokens of the subjects it is done to.
  package var root: String {
    switch self {
    case .send: "cs.cmd"
    case .tail: "cs.evt"
    case .admin: "cs.admin"
    }
  }

  /// All subjects it can be done to.
  package var domain: SubjectPattern {
    switch self {
    case .send: Self.commands
    case .tail: Self.events
    case .admin: Self.verbs
    }
  }

  /// What is done to the subjects of a pattern; `nil` where its first tokens leave that open.
  package init?(of pattern: SubjectPattern) {
    guard let action = Self.allCases.first(where: { pattern.text.hasPrefix($0.root + ".") }) else {
      return nil
    }
    self = action
  }

  // Commands have a service and a method; events a service, a persistence id, an entity and a type.
  private static let commands = pattern(["cmd", "*", "*"])
  private static let events = pattern(["evt", "*", "*", "*", "*"])
  private static let verbs = pattern(["admin", ">"])

  private static func pattern(_ tokens: [String]) -> SubjectPattern {
    let text = (["cs"] + tokens).joined(separator: ".")
    // A pattern of this form is legal, so the other value is never used.
    return SubjectPattern(text) ?? SubjectPattern(Subject(tokens: ["cs"]))
  }
}
