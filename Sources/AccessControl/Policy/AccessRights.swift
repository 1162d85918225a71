package import CloudstateModel

/// What one principal may do, with the rules that are not about it left out.
package struct AccessRights: Sendable {
  /// An entry of a rule that concerns the principal.
  struct Entry: Hashable, Sendable {
    /// Index of the rule, from 0.
    let rule: Int
    let permission: AccessRule.Permission
  }

  private enum Scope {
    /// Where there is no access control, or for callers that are a part of the node.
    case everything(administration: Bool)
    case listed(grants: [Entry], denials: [Entry])
  }

  package let principal: Principal
  /// When they end, in seconds since 1970: with the token that showed who it is. `nil` where there is no such
  /// end.
  package internal(set) var expiry: Double?
  /// Of the settings that gave them, see ``Authenticator/generation``.
  package internal(set) var generation: UInt64 = 0
  private let scope: Scope

  init(_ principal: Principal, grants: [Entry], denials: [Entry]) {
    self.principal = principal
    scope = .listed(grants: grants, denials: denials)
  }

  /// - Parameter administration: whether the caller may look into the node, too.
  private init(everythingFor principal: Principal, administration: Bool) {
    self.principal = principal
    scope = .everything(administration: administration)
  }

  /// Of calls from inside the node's own process.
  package static let inside = AccessRights(
    everythingFor: Principal(name: "inside", proof: .inside), administration: true)

  /// Where no access is controlled: everybody may send and tail, and whoever is on the same machine may
  /// look into the node.
  package static func uncontrolled(isLocal: Bool) -> AccessRights {
    isLocal ? uncontrolledHere : uncontrolledElsewhere
  }

  /// Of somebody who may do nothing.
  package static let none = AccessRights(
    Principal(name: "nobody", proof: .none), grants: [], denials: [])

  private static let uncontrolledHere = AccessRights(
    everythingFor: Principal(name: "anyone", proof: .none), administration: true)
  private static let uncontrolledElsewhere = AccessRights(
    everythingFor: Principal(name: "anyone", proof: .none), administration: false)

  /// Whether the principal may do `action` to `subject`.
  package func allows(_ action: AccessAction, _ subject: Subject) -> Bool {
    switch scope {
    case .everything(let administration): administration || action != .admin
    case .listed(let grants, let denials):
      !denials.contains { $0.permission.matches(action, subject) }
        && grants.contains { $0.permission.matches(action, subject) }
    }
  }

  /// Whether the principal may do `action` to all subjects of `pattern`.
  package func allows(_ action: AccessAction, all pattern: SubjectPattern) -> Bool {
    switch scope {
    case .everything(let administration): administration || action != .admin
    case .listed: decide(action, pattern).isAllowed
    }
  }

  /// Whether the principal may do `action` to some subjects of `pattern`, as far as single entries show.
  package func allows(_ action: AccessAction, someOf pattern: SubjectPattern) -> Bool {
    switch scope {
    case .everything(let administration): administration || action != .admin
    case .listed(let grants, let denials):
      grants.contains { grant in
        guard grant.permission.action == action,
          let common = grant.permission.pattern.intersection(action.narrowed(pattern))
        else { return false }
        return !denials.contains {
          $0.permission.action == action && $0.permission.pattern.covers(common)
        }
      }
    }
  }

  /// As ``allows(_:all:)``, with the entry that decides: the first denial, else the first grant.
  func decide(_ action: AccessAction, _ pattern: SubjectPattern) -> AccessDecision {
    guard case .listed(let grants, let denials) = scope else {
      return AccessDecision(.nothing)
    }
    let asked = action.narrowed(pattern)
    for entry in denials
    where entry.permission.action == action && entry.permission.pattern.overlaps(asked) {
      return AccessDecision(.denied(rule: entry.rule, entry.permission))
    }
    for entry in grants
    where entry.permission.action == action && entry.permission.pattern.covers(asked) {
      return AccessDecision(.allowed(rule: entry.rule, entry.permission))
    }
    return AccessDecision(.nothing)
  }
}

extension AccessRule.Permission {
  fileprivate func matches(_ action: AccessAction, _ subject: Subject) -> Bool {
    self.action == action && pattern.matches(subject)
  }
}
