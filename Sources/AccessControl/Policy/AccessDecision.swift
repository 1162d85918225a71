/// Whether somebody may do something, and why.
package struct AccessDecision: Hashable, Sendable {
  /// What decided.
  package enum Basis: Hashable, Sendable {
    /// An entry of the rule with this index, from 0.
    case allowed(rule: Int, AccessRule.Permission)
    case denied(rule: Int, AccessRule.Permission)
    /// No entry for the principal says anything about it: denied.
    case nothing
  }

  package var basis: Basis

  package init(_ basis: Basis) { self.basis = basis }

  package var isAllowed: Bool {
    if case .allowed = basis { true } else { false }
  }
}

/// What one rule says about a question, for explanations.
package struct RuleFinding: Hashable, Sendable {
  /// One entry of the rule that the question is about.
  package struct Match: Hashable, Sendable {
    package var isDenial: Bool
    package var permission: AccessRule.Permission
    /// `false` for an entry that allows a part of what was asked, which is not enough.
    package var isDecisive: Bool
  }

  /// From 0.
  package var rule: Int
  package var line: Int
  /// Through which entry of `who` it concerns the principal; `nil` if it does not.
  package var who: AccessRule.Who?
  package var matches: [Match]
}
