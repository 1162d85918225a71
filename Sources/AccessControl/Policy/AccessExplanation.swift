package import CloudstateModel

/// What somebody may ask about access: a subject, or a pattern of subjects.
package struct AccessQuestion: Hashable, Sendable {
  /// Why a text is no question, for people.
  package struct Invalid: Error, Hashable, Sendable {
    package let message: String
  }

  package let action: AccessAction
  package let pattern: SubjectPattern

  /// Reads a subject; what is done to it follows from its first tokens.
  package init(subject: String) throws(Invalid) {
    guard let pattern = SubjectPattern(subject) else {
      throw Invalid(
        message: "'\(subject)' is not a subject: tokens between single dots, '*' for one, '>' for "
          + "the rest")
    }
    guard let action = AccessAction(of: pattern), pattern.overlaps(action.domain) else {
      throw Invalid(
        message: "'\(subject)' is nothing that access is given to; subjects are "
          + "cs.cmd.SERVICE.METHOD, cs.evt.SERVICE.PERSISTENCEID.ENTITY.EVENT and cs.admin.VERB")
    }
    self.action = action
    self.pattern = pattern
  }
}

/// The answer to a question about access, rule by rule, in texts: nodes send it, and programs print it.
package struct AccessExplanation: Hashable, Sendable {
  /// What one rule says.
  package struct Finding: Hashable, Sendable {
    package struct Match: Hashable, Sendable {
      package var isDenial: Bool
      package var permission: String
      /// `false` for an entry that allows a part only.
      package var isDecisive: Bool

      package init(isDenial: Bool, permission: String, isDecisive: Bool) {
        self.isDenial = isDenial
        self.permission = permission
        self.isDecisive = isDecisive
      }
    }

    /// Where it begins in the access file.
    package var line: Int
    /// The entry of `who` that the principal is among; `nil`: the rule does not concern it.
    package var who: String?
    package var matches: [Match]

    package init(line: Int, who: String?, matches: [Match]) {
      self.line = line
      self.who = who
      self.matches = matches
    }
  }

  package var isAllowed: Bool
  package var action: String
  /// All groups that were looked at, sorted.
  package var groups: [String]
  /// Number of the rule that decided, from 1; `nil`: none did, so it is denied.
  package var decidingRule: Int?
  /// The entry that decided.
  package var permission: String?
  package var findings: [Finding]

  package init(
    isAllowed: Bool, action: String, groups: [String], decidingRule: Int?, permission: String?,
    findings: [Finding]
  ) {
    self.isAllowed = isAllowed
    self.action = action
    self.groups = groups
    self.decidingRule = decidingRule
    self.permission = permission
    self.findings = findings
  }

  package init(
    _ question: AccessQuestion, of principal: Principal, under policy: AccessPolicy
  ) {
    let decision = policy.decide(principal, question.action, question.pattern)
    isAllowed = decision.isAllowed
    action = question.action.rawValue
    groups = principal.groups.sorted()
    switch decision.basis {
    case .allowed(let rule, let permission), .denied(let rule, let permission):
      decidingRule = rule + 1
      self.permission = permission.text
    case .nothing:
      decidingRule = nil
      permission = nil
    }
    findings = policy.explain(principal, question.action, question.pattern).map { finding in
      Finding(
        line: finding.line, who: finding.who?.text,
        matches: finding.matches.map {
          Finding.Match(
            isDenial: $0.isDenial, permission: $0.permission.text, isDecisive: $0.isDecisive)
        })
    }
  }
}
