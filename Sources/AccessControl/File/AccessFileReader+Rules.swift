import CloudstateModel
import SettingsReading
import Yams

// The rules of an access file.
extension AccessFileReader {
  mutating func rules(_ list: Node) -> [AccessRule] {
    let nodes = fields.list(list, "rules") ?? []
    guard nodes.count <= AccessFile.maximumRules else {
      fields.report("there are \(nodes.count) rules; at most \(AccessFile.maximumRules)", at: list)
      return []
    }
    return nodes.compactMap { rule($0) }
  }

  private mutating func rule(_ node: Node) -> AccessRule? {
    guard let values = fields.mapping(node, "a rule", keys: ["who", "allow", "deny"]) else {
      return nil
    }
    guard let whoNode = values["who"] else {
      fields.report("a rule needs who: names, group:NAME, anyone or authenticated", at: node)
      return nil
    }
    let who = texts(whoNode, "who").compactMap { self.who($0.text, at: $0.node) }
    if values["allow"] == nil, values["deny"] == nil {
      fields.report("a rule needs allow or deny", at: node)
    }
    let allow = permissions(values["allow"], "allow")
    let deny = permissions(values["deny"], "deny")
    return AccessRule(who: who, allow: allow, deny: deny, line: YAMLFields.location(node).line)
  }

  private mutating func who(_ text: String, at node: Node) -> AccessRule.Who? {
    switch text {
    case "anyone": return .anyone
    case "authenticated": return .authenticated
    default: break
    }
    let isGroup = text.hasPrefix("group:")
    let name = isGroup ? String(text.dropFirst("group:".count)) : text
    guard !name.isEmpty else {
      fields.report("who is '\(text)'; write a name, group:NAME, anyone or authenticated", at: node)
      return nil
    }
    let known = isGroup ? groups : names
    if knowsAllNames, !known.containsBytes(of: name) {
      let words = (isGroup ? known.map { "group:\($0)" } : Array(known)).sorted()
      let suggestion = nearest(to: text, among: words + ["anyone", "authenticated"])
      fields.report(
        "no token has the \(isGroup ? "group" : "name") '\(name)'"
          + (suggestion.map { "; did you mean '\($0)'?" } ?? ""), at: node)
    }
    return isGroup ? .group(name) : .name(name)
  }

  private mutating func permissions(_ node: Node?, _ what: String) -> [AccessRule.Permission] {
    guard let node else { return [] }
    return texts(node, what).compactMap { permission($0.text, what, at: $0.node) }
  }

  /// `send`, `tail` or `admin`, and a pattern.
  private mutating func permission(
    _ text: String, _ what: String, at node: Node
  ) -> AccessRule.Permission? {
    let words = text.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
    let actions = AccessAction.allCases.map(\.rawValue)
    guard words.count == 2 else {
      fields.report(
        "\(what) is '\(text)'; write an action and a subject, such as send cs.cmd.cart.*", at: node)
      return nil
    }
    guard let action = AccessAction(rawValue: words[0]) else {
      let suggestion = nearest(to: words[0], among: actions).map { "; did you mean '\($0)'?" }
      fields.report(
        "unknown action '\(words[0])'\(suggestion ?? "; it can be \(actions.joined(separator: ", "))")",
        at: node)
      return nil
    }
    guard let pattern = SubjectPattern(words[1]) else {
      fields.report(
        "'\(words[1])' is not a subject: tokens between single dots, '*' for one, '>' for the rest",
        at: node)
      return nil
    }
    guard pattern.overlaps(action.domain) else {
      fields.report(
        "'\(pattern)' is nothing to \(action.rawValue); its subjects have the form \(form(action))",
        at: node)
      return nil
    }
    let wrong = pattern.tokens.filter {
      $0 != "*" && $0 != ">" && SubjectToken.unescape($0) == nil
    }
    for token in wrong {
      // A grant would give nothing, and a denial, which is worse, deny nothing.
      let hint = SubjectToken.respelled(token).map { "write '\($0)'" }
      fields.report(
        "'\(token)' is in no subject: '%' stands before two upper-case hexadecimal digits of a byte that "
          + "needs it; \(hint ?? "its bytes are no UTF-8")", at: node)
    }
    return wrong.isEmpty ? AccessRule.Permission(action, pattern) : nil
  }

  private func form(_ action: AccessAction) -> String {
    switch action {
    case .send: "cs.cmd.SERVICE.METHOD"
    case .tail: "cs.evt.SERVICE.PERSISTENCEID.ENTITY.EVENT"
    case .admin: "cs.admin.VERB"
    }
  }

  /// The texts of a list, or of a single text.
  private mutating func texts(_ node: Node, _ what: String) -> [(text: String, node: Node)] {
    let nodes = node.scalar == nil ? fields.list(node, what) ?? [] : [node]
    if nodes.isEmpty { fields.report("\(what) is empty", at: node) }
    return nodes.compactMap { node in fields.text(node, what).map { ($0, node) } }
  }
}
