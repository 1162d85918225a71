import CloudstateModel
package import SettingsReading
import Yams

/// Reads the text of an access file. Every problem is reported, with its line and column.
package struct AccessFileReader {
  /// The name used in messages.
  private let file: String
  var fields = YAMLFields()
  /// Whoever the file knows by name, and what kinds of names it cannot know.
  var names: Set<String> = []
  var groups: Set<String> = []
  var knowsAllNames = true

  /// - Parameter file: the file as the user named it.
  package init(file: String) { self.file = file }

  package mutating func read(_ text: String) throws(InvalidSettings) -> AccessFile {
    let access = fields.root(
      of: text, whenEmpty: "the file is empty; an access file has version, tokens and rules"
    ).flatMap { read($0) }
    guard let access, fields.problems.isEmpty else {
      throw InvalidSettings(file: file, problems: fields.problems)
    }
    return access
  }

  private mutating func read(_ root: Node) -> AccessFile? {
    guard
      let values = fields.mapping(
        root, "an access file",
        keys: ["version", "tokens", "jwt", "certificates", "anonymous", "rules"])
    else { return nil }
    version(values["version"], root: root)
    var access = AccessFile()
    access.tokens = values["tokens"].map { tokens($0) } ?? []
    access.webTokens = values["jwt"].flatMap { webTokens($0) }
    access.takesCertificates = fields.boolean(values["certificates"], "certificates") ?? false
    access.anonymousName = anonymous(values["anonymous"])
    knowsAllNames = values["jwt"] == nil && !access.takesCertificates
    access.policy = AccessPolicy(values["rules"].map { rules($0) } ?? [])
    if values["rules"] == nil {
      fields.report("rules are missing; without a rule nobody may do anything", at: root)
    }
    return access
  }

  private mutating func version(_ node: Node?, root: Node) {
    guard let node else {
      return fields.report("version is missing; write version: 1", at: root)
    }
    if node.scalar?.string != "1" {
      fields.report("version is \(YAMLFields.kind(node)); this program reads version 1", at: node)
    }
  }

  // MARK: Who there is

  private mutating func tokens(_ list: Node) -> [AccessFile.Token] {
    let nodes = fields.list(list, "tokens") ?? []
    if nodes.count > AccessFile.maximumTokens {
      fields.report(
        "there are \(nodes.count) tokens; at most \(AccessFile.maximumTokens)", at: list)
      return []
    }
    var hashes: Set<TokenHash> = []
    return nodes.compactMap { node in
      guard let token = token(node) else { return nil }
      if !names.insert(token.name).inserted {
        fields.report("the name '\(token.name)' is given twice", at: node)
      }
      if !hashes.insert(token.hash).inserted {
        fields.report("\(token.name) has the token of somebody else", at: node)
      }
      for group in token.groups where !groups.insert(group).inserted {
        if !groups.containsBytes(of: group) {
          fields.report("two groups differ only in how Unicode spells '\(group)'", at: node)
        }
      }
      return token
    }
  }

  private mutating func token(_ node: Node) -> AccessFile.Token? {
    guard let values = fields.mapping(node, "a token", keys: ["name", "sha256", "groups"]) else {
      return nil
    }
    let name = name(values["name"], "name of a token", missingAt: node)
    var groups: Set<String> = []
    if let list = values["groups"] {
      for group in fields.list(list, "groups") ?? [] {
        guard let text = self.name(group, "a group", missingAt: node) else { continue }
        if !groups.insert(text).inserted, !groups.containsBytes(of: text) {
          fields.report("two groups differ only in how Unicode spells '\(text)'", at: group)
        }
      }
    }
    guard let hashNode = values["sha256"] else {
      fields.report("a token needs sha256; cs-admin auth token NAME makes one", at: node)
      return nil
    }
    guard let text = fields.text(hashNode, "sha256") else { return nil }
    guard let hash = TokenHash(hexadecimal: text) else {
      fields.report(
        "sha256 is not 64 hexadecimal digits (it has \(text.count) characters); cs-admin auth token "
          + "NAME makes a token and its hash", at: hashNode)
      return nil
    }
    return name.map { AccessFile.Token(name: $0, hash: hash, groups: groups) }
  }

  private mutating func webTokens(_ node: Node) -> AccessFile.WebTokens? {
    guard
      let values = fields.mapping(
        node, "jwt",
        keys: ["keys", "issuer", "audience", "name_claim", "groups_claim", "leeway"])
    else { return nil }
    func needed(_ key: String, _ hint: String) -> String? {
      guard let value = values[key] else {
        fields.report("jwt needs \(key): \(hint)", at: node)
        return nil
      }
      guard let text = fields.text(value, key) else { return nil }
      if text.isEmpty { fields.report("\(key) of jwt is empty", at: value) }
      return text
    }
    let keys = needed("keys", "a file with a JSON Web Key Set, or with public keys in PEM")
    let issuer = needed("issuer", "what iss of a token must be")
    let audience = needed("audience", "what aud of a token must name")
    let leeway = fields.duration(values["leeway"], "leeway", in: .zero ... .seconds(600))
    guard let keys, let issuer, let audience else { return nil }
    var settings = AccessFile.WebTokens(keysPath: keys, issuer: issuer, audience: audience)
    if let claim = fields.text(values["name_claim"], "name_claim") { settings.nameClaim = claim }
    if let claim = fields.text(values["groups_claim"], "groups_claim") {
      settings.groupsClaim = claim
    }
    if let leeway { settings.leeway = leeway.secondsAsDouble }
    return settings
  }

  private mutating func anonymous(_ node: Node?) -> String? {
    guard let node, node.bool != false else { return nil }
    guard node.bool == nil else {
      fields.report(
        "anonymous is true; write the name that callers without credentials get in rules", at: node)
      return nil
    }
    guard let name = name(node, "anonymous", missingAt: node) else { return nil }
    if !names.insert(name).inserted {
      fields.report("anonymous is '\(name)', which a token has, too", at: node)
    }
    return name
  }

  /// A name of a principal or a group.
  private mutating func name(_ node: Node?, _ what: String, missingAt place: Node) -> String? {
    guard let node else {
      fields.report("\(what) is missing", at: place)
      return nil
    }
    guard let text = fields.text(node, what) else { return nil }
    guard AccessFile.isName(text) else {
      fields.report(
        "\(what) is '\(text)'; a name has 1 to 200 characters without white space, and is neither "
          + "anyone nor authenticated nor one that begins with group:", at: node)
      return nil
    }
    return text
  }
}
