package import CloudstateModel

/// One rule of an access file: what some principals may do, and what they must not.
package struct AccessRule: Hashable, Sendable {
  /// Whom a rule concerns.
  package enum Who: Hashable, Sendable {
    /// One name, however its owner has shown that it is his.
    case name(String)
    case group(String)
    /// Everybody, also those without credentials where the file lets them in.
    case anyone
    /// Everybody who has shown a name.
    case authenticated

    /// Names are equal when their bytes are.
    package func includes(_ principal: Principal) -> Bool {
      switch self {
      case .name(let name): sameBytes(name, principal.name)
      case .group(let group): principal.groups.containsBytes(of: group)
      case .anyone: true
      case .authenticated: principal.proof != .none
      }
    }

    /// As it stands in the file.
    package var text: String {
      switch self {
      case .name(let name): name
      case .group(let group): "group:\(group)"
      case .anyone: "anyone"
      case .authenticated: "authenticated"
      }
    }
  }

  /// One entry of `allow` or `deny`.
  package struct Permission: Hashable, Sendable {
    package var action: AccessAction
    package var pattern: SubjectPattern

    package init(_ action: AccessAction, _ pattern: SubjectPattern) {
      self.action = action
      self.pattern = pattern
    }

    /// As it stands in the file.
    package var text: String { "\(action.rawValue) \(pattern)" }
  }

  package var who: [Who]
  package var allow: [Permission]
  package var deny: [Permission]
  /// Where it begins in its file, counted from 1.
  package var line: Int

  package init(who: [Who], allow: [Permission] = [], deny: [Permission] = [], line: Int) {
    self.who = who
    self.allow = allow
    self.deny = deny
    self.line = line
  }

  /// The first of those named who is the principal, or has it among them.
  package func includes(_ principal: Principal) -> Who? {
    who.first { $0.includes(principal) }
  }
}
