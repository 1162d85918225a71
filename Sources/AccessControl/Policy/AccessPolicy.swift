package import CloudstateModel

/// Who may do what: rules, of which the order means nothing. A denial that touches what is asked for wins
/// over everything; what no rule allows is denied.
///
/// A pattern is allowed when *one* entry allows all of it and no entry denies any of it. Two entries that
/// together cover a pattern do not allow it.
package struct AccessPolicy: Hashable, Sendable {
  package var rules: [AccessRule]

  package init(_ rules: [AccessRule] = []) { self.rules = rules }

  /// What the rules give one principal.
  package func rights(of principal: Principal) -> AccessRights {
    var grants: [AccessRights.Entry] = []
    var denials: [AccessRights.Entry] = []
    for (index, rule) in rules.enumerated() where rule.includes(principal) != nil {
      grants += rule.allow.map { AccessRights.Entry(rule: index, permission: $0) }
      denials += rule.deny.map { AccessRights.Entry(rule: index, permission: $0) }
    }
    return AccessRights(principal, grants: grants, denials: denials)
  }

  /// Whether `principal` may do `action` to all subjects of `pattern`.
  package func decide(
    _ principal: Principal, _ action: AccessAction, _ pattern: SubjectPattern
  ) -> AccessDecision {
    rights(of: principal).decide(action, pattern)
  }

  /// Whether `principal` may do `action` to `subject`.
  package func decide(
    _ principal: Principal, _ action: AccessAction, _ subject: Subject
  ) -> AccessDecision {
    rights(of: principal).decide(action, SubjectPattern(subject))
  }

  /// What each rule says, in the order of the file. Their sum is ``decide(_:_:_:)-(_,_,SubjectPattern)``.
  package func explain(
    _ principal: Principal, _ action: AccessAction, _ pattern: SubjectPattern
  ) -> [RuleFinding] {
    let asked = action.narrowed(pattern)
    return rules.enumerated().map { index, rule in
      let denials = rule.deny.filter { $0.action == action && $0.pattern.overlaps(asked) }
      let grants = rule.allow.filter { $0.action == action && $0.pattern.overlaps(asked) }
      return RuleFinding(
        rule: index, line: rule.line, who: rule.includes(principal),
        matches: denials.map { .init(isDenial: true, permission: $0, isDecisive: true) }
          + grants.map {
            .init(isDenial: false, permission: $0, isDecisive: $0.pattern.covers(asked))
          })
    }
  }
}

extension AccessAction {
  /// A pattern without the subjects that do not exist: `cs.evt.cart.>` asks for no more than
  /// `cs.evt.cart.*.*.*`, as all events have six tokens.
  func narrowed(_ pattern: SubjectPattern) -> SubjectPattern {
    pattern.intersection(domain) ?? pattern
  }
}
