import CloudstateModel
import SettingsReading

@testable import AccessControl

extension FuzzTarget {
  /// An access file.
  static let accessFiles = FuzzTarget("access-files") { input in
    var input = input
    var reader = AccessFileReader(file: "a.yaml")
    let file: AccessFile
    do {
      file = try reader.read(String(decoding: input.rest(), as: UTF8.self))
    } catch let refusal as InvalidSettings {
      return try demand(!refusal.description.isEmpty, "a refusal without a reason")
    }
    let permissions = file.policy.rules.flatMap { $0.allow + $0.deny }
    for permission in permissions {
      try demand(
        permission.pattern.overlaps(permission.action.domain), "\(permission.text) is for nothing")
      for token in permission.pattern.tokens where token != "*" && token != ">" {
        try demand(SubjectToken.unescape(token) != nil, "\(permission.text) is in no subject")
      }
    }
    for name in file.tokens.map(\.name) + [file.anonymousName ?? "x"] {
      let rights = file.policy.rights(of: file.principal(named: name, groups: []))
      for permission in permissions {
        // What is allowed as a whole is allowed in part.
        if rights.allows(permission.action, all: permission.pattern) {
          try demand(
            rights.allows(permission.action, someOf: permission.pattern), "\(permission.text)")
        }
      }
    }
  }
}
