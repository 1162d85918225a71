import AccessControl
import CommandLineKit

// What `cs-admin auth check` prints.
extension AccessExplanation {
  /// For people.
  func text(of name: String, subject: String) -> String {
    var lines = ["\(isAllowed ? "allowed" : "denied"): \(name) \(verb) \(action) \(subject)"]
    if !groups.isEmpty { lines.append("groups of \(name): \(groups.joined(separator: ", "))") }
    if let decidingRule, let permission {
      lines.append(
        "because of rule \(decidingRule)\(line(of: decidingRule)): "
          + "\(isAllowed ? "allow" : "deny") \(permission)")
    } else {
      lines.append("because no rule allows all of it to \(name)")
    }
    lines.append("")
    for (index, finding) in findings.enumerated() {
      let title = "rule \(index + 1), line \(finding.line)"
      guard let who = finding.who else {
        lines.append("\(title): not about \(name)")
        continue
      }
      lines.append(
        "\(title): about \(who)\(finding.matches.isEmpty ? ", says nothing of this" : "")")
      lines += finding.matches.map(\.text)
    }
    return lines.joined(separator: "\n")
  }

  /// For programs.
  func json(of name: String, subject: String) -> JSONText {
    .object([
      ("allowed", .bool(isAllowed)), ("name", .string(name)),
      ("groups", .array(groups.map(JSONText.string))), ("action", .string(action)),
      ("subject", .string(subject)),
      ("rule", decidingRule.map { .integer(Int64($0)) } ?? .null),
      ("permission", .optional(permission)),
      ("rules", .array(findings.enumerated().map { $1.json(number: $0 + 1) })),
    ])
  }

  private var verb: String { isAllowed ? "may" : "may not" }

  private func line(of rule: Int) -> String {
    findings.indices.contains(rule - 1) ? " (line \(findings[rule - 1].line))" : ""
  }
}

extension AccessExplanation.Finding {
  fileprivate func json(number: Int) -> JSONText {
    .object([
      ("rule", .integer(Int64(number))), ("line", .integer(Int64(line))), ("who", .optional(who)),
      (
        "matches",
        .array(
          matches.map { match in
            .object([
              ("effect", .string(match.isDenial ? "deny" : "allow")),
              ("permission", .string(match.permission)), ("decisive", .bool(match.isDecisive)),
            ])
          })
      ),
    ])
  }
}

extension AccessExplanation.Finding.Match {
  fileprivate var text: String {
    let effect = isDenial ? "deny" : "allow"
    return
      "  \(effect) \(permission)\(isDecisive ? "" : "  (a part of it only, which is not enough)")"
  }
}
