import AccessControl
import Glibc
import SettingsReading
import TestSupport
import Testing

/// A wrong access file and what is said about it.
struct AccessMistake: Sendable, CustomTestStringConvertible {
  let text: String
  let expected: [String]

  /// - Parameter lines: follow `version: 1`, so the first is line 2.
  init(_ lines: String, _ expected: String..., version: String = "version: 1\n") {
    text = version + lines
    self.expected = expected
  }

  var testDescription: String { expected.joined(separator: " / ") }
}

@Suite("Access files")
struct AccessFileTests {
  static let hash = TokenHash(of: "secret").description
  private static let rule = "rules: [{who: anyone, allow: send cs.cmd.a.*}]\n"

  private static func tokens(_ lines: String, _ expected: String) -> AccessMistake {
    AccessMistake("tokens:\n\(lines)\n\(rule)", expected)
  }

  private static func rules(_ lines: String, _ expected: String) -> AccessMistake {
    AccessMistake(
      "tokens: [{name: ada, sha256: \(hash), groups: [support]}]\nrules:\n\(lines)\n", expected)
  }

  static let mistakes: [AccessMistake] = [
    AccessMistake(
      "", "1:1: the file is empty; an access file has version, tokens and rules", version: ""),
    AccessMistake("rules: [", "3:1: not valid YAML", version: "a: 1\n"),
    AccessMistake(rule, "1:1: version is missing; write version: 1", version: ""),
    AccessMistake(
      rule, "1:10: version is '2'; this program reads version 1", version: "version: 2\n"),
    AccessMistake("", "1:1: rules are missing"),
    AccessMistake(
      "ruels: []\n\(rule)", "2:1: unknown key 'ruels' in an access file; did you mean 'rules'?"),
    AccessMistake("anonymous: true\n\(rule)", "2:12: anonymous is true; write the name"),
    AccessMistake(
      "certificates: perhaps\n\(rule)", "2:15: certificates is 'perhaps'; write true or false"),
    tokens(" - name: ada", "3:4: a token needs sha256; cs-admin auth token NAME makes one"),
    tokens(" - sha256: \(hash)", "3:4: name of a token is missing"),
    tokens(
      " - {name: ada, sha256: 12ab}", "sha256 is not 64 hexadecimal digits (it has 4 characters)"),
    tokens(" - {name: ada, sha256: \(hash)0}", "(it has 65 characters)"),
    tokens(" - {name: ada, sha256: g\(hash.dropFirst())}", "sha256 is not 64 hexadecimal digits"),
    tokens(
      " - {name: ada, sha265: \(hash)}", "unknown key 'sha265' in a token; did you mean 'sha256'?"),
    tokens(
      " - {name: ada, sha256: \(hash)}\n - {name: ada, sha256: \(TokenHash(of: "b"))}",
      "4:4: the name 'ada' is given twice"),
    tokens(
      " - {name: ada, sha256: \(hash)}\n - {name: bob, sha256: \(hash)}",
      "4:4: bob has the token of somebody else"),
    tokens(" - {name: anyone, sha256: \(hash)}", "name of a token is 'anyone'; a name has"),
    tokens(" - {name: \"group:x\", sha256: \(hash)}", "name of a token is 'group:x'; a name has"),
    tokens(" - {name: \"a b\", sha256: \(hash)}", "name of a token is 'a b'; a name has"),
    tokens(" - {name: ada, sha256: \(hash), groups: support}", "groups is 'support', not a list"),
    AccessMistake(
      "jwt: {keys: k.json}\n\(rule)", "2:6: jwt needs issuer", "2:6: jwt needs audience"),
    AccessMistake(
      "jwt: {keys: k, issuer: i, audience: a, leeway: 1h}\n\(rule)",
      "leeway is 1h; it can be 0s to 10m"),
    AccessMistake(
      "jwt: {keys: k, issuer: i, audience: a, isuer: b}\n\(rule)",
      "unknown key 'isuer' in jwt; did you mean 'issuer'?"),
    rules(" - allow: send cs.cmd.a.b", "4:4: a rule needs who"),
    rules(" - who: ada", "4:4: a rule needs allow or deny"),
    rules(
      " - {who: adda, allow: send cs.cmd.a.b}", "no token has the name 'adda'; did you mean 'ada'?"),
    rules(
      " - {who: \"group:suport\", allow: send cs.cmd.a.b}",
      "no token has the group 'suport'; did you mean 'group:support'?"),
    rules(" - {who: \"group:\", allow: send cs.cmd.a.b}", "who is 'group:'; write a name"),
    rules(" - {who: [], allow: send cs.cmd.a.b}", "who is empty"),
    rules(
      " - {who: ada, alow: send cs.cmd.a.b}", "unknown key 'alow' in a rule; did you mean 'allow'?"),
    rules(" - {who: ada, allow: sned cs.cmd.a.b}", "unknown action 'sned'; did you mean 'send'?"),
    rules(
      " - {who: ada, allow: cs.cmd.a.b}", "allow is 'cs.cmd.a.b'; write an action and a subject"),
    rules(" - {who: ada, deny: send cs.cmd.a.b c}", "deny is 'send cs.cmd.a.b c'; write an action"),
    rules(" - {who: ada, allow: send cs..b}", "'cs..b' is not a subject"),
    rules(" - {who: ada, allow: send cs.>.b}", "'cs.>.b' is not a subject"),
    rules(" - {who: ada, allow: send cs.evt.a.b.c.d}", "'cs.evt.a.b.c.d' is nothing to send"),
    rules(
      " - {who: ada, allow: send cs.cmd.a}", "its subjects have the form cs.cmd.SERVICE.METHOD"),
    rules(" - {who: ada, allow: [{send: x}]}", "allow is a mapping, not a text"),
  ]

  @Test("Each mistake is told with its line", arguments: mistakes)
  func told(mistake: AccessMistake) {
    var reader = AccessFileReader(file: "access.yaml")
    let error = #expect(throws: InvalidSettings.self) { try reader.read(mistake.text) }
    let text = error?.description ?? ""
    for expected in mistake.expected { #expect(text.contains(expected), "\(text)") }
    #expect(text.hasPrefix("access.yaml:"))
  }

  @Test("The example file is right, and says what its comments say")
  func example() throws {
    let file = try AccessFileLoader.parse(path: "\(repositoryFolder)/Config/access.yaml")
    let ada = file.principal(named: "ada", groups: [])
    #expect(ada.groups == ["support"])
    func may(_ subject: String) throws -> Bool {
      let question = try AccessQuestion(subject: subject)
      return file.policy.decide(ada, question.action, question.pattern).isAllowed
    }
    #expect(try may("cs.cmd.cart.AddItem"))
    #expect(try !may("cs.cmd.cart.RemoveCart"))
    #expect(try may("cs.evt.cart.>"))
    #expect(try may("cs.admin.auth.check"))
  }

  @Test("Names that only an identity provider knows are right where there is one")
  func unknownNames() throws {
    var reader = AccessFileReader(file: "x")
    let file = try reader.read(
      """
      version: 1
      jwt: {keys: k, issuer: i, audience: a, name_claim: email, leeway: 5s}
      anonymous: guest
      certificates: true
      rules: [{who: [guest, "x@y.z", "group:g"], allow: [send cs.cmd.a.*, "tail cs.evt.a.>"]}]
      """)
    #expect(file.webTokens?.nameClaim == "email")
    #expect(file.webTokens?.groupsClaim == "groups")
    #expect(file.webTokens?.leeway == 5)
    #expect(file.anonymousName == "guest")
    #expect(file.takesCertificates)
    #expect(file.policy.rules[0].who == [.name("guest"), .name("x@y.z"), .group("g")])
    #expect(file.policy.rules[0].line == 5)
    #expect(file.principal(named: "guest", groups: []).proof == .none)
  }

  // MARK: Changes

  private func write(_ text: String, _ path: String) throws {
    try Array(text.utf8).withUnsafeBytes { bytes in
      let file = try #require(fopen(path, "w"))
      fwrite(bytes.baseAddress, 1, bytes.count, file)
      fclose(file)
    }
  }

  @Test("A change is read once, also one that is wrong, and one of the keys")
  func reload() async throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/access.yaml"
    try write("version: 1\n\(Self.rule)", path)
    var loader = AccessFileLoader(path: path)
    #expect(try await loader.load().file.tokens.isEmpty)
    #expect(await loader.reloadIfChanged().map { "\($0)" } == nil)

    let jwt = "version: 1\njwt: {keys: keys.pem, issuer: i, audience: a}\n\(Self.rule)"
    try write(jwt, path)
    let missing = try #require(await loader.reloadIfChanged())
    #expect(throws: AccessFileLoader.Failure.self) { try missing.get() }
    #expect("\(missing)".contains("keys.pem:1:1: cannot be read: No such file"))
    #expect(await loader.reloadIfChanged().map { "\($0)" } == nil)

    try write("nonsense", "\(folder.path)/keys.pem")
    let wrong = try #require(await loader.reloadIfChanged())
    #expect("\(wrong)".contains("neither a JSON Web Key Set nor public keys in PEM"))
    #expect(await loader.reloadIfChanged().map { "\($0)" } == nil)

    try write(Keys.set, "\(folder.path)/keys.pem")
    let right = try #require(await loader.reloadIfChanged())
    #expect(try right.get().file.webTokens?.audience == "a")
    #expect(await loader.reloadIfChanged().map { "\($0)" } == nil)

    try write("version: 7\n", path)
    #expect("\(try #require(await loader.reloadIfChanged()))".contains("version is '7'"))
    #expect(await loader.reloadIfChanged().map { "\($0)" } == nil)
    unlink(path)
    #expect("\(try #require(await loader.reloadIfChanged()))".contains("cannot be read"))
    #expect(await loader.reloadIfChanged().map { "\($0)" } == nil)
    try write("version: 1\n\(Self.rule)", path)
    #expect(try await #require(loader.reloadIfChanged()).get().file.webTokens == nil)
  }
}
