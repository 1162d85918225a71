import Glibc
import SettingsReading
import TestSupport
import Testing

@testable import AccessControl

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
    rules(
      " - {who: ada, deny: tail cs.evt.a.p.ada@x%2eorg.*}",
      "'ada@x%2eorg' is in no subject: '%' stands before two upper-case hexadecimal digits of a byte "
        + "that needs it; write 'ada@x%2Eorg'"),
    rules(" - {who: ada, deny: tail cs.evt.a.p.a%40b.*}", "write 'a@b'"),
    rules(" - {who: ada, deny: tail cs.evt.a.p.50%.*}", "write '50%25'"),
    rules(" - {who: ada, deny: tail cs.evt.a.p.a%+1.*}", "write 'a%25+1'"),
    rules(" - {who: ada, deny: tail cs.evt.a.p.%FF.*}", "its bytes are no UTF-8"),
    rules(" - {who: \u{212A}en, allow: send cs.cmd.a.b}", "no token has the name '\u{212A}en'"),
    tokens(
      " - {name: ada, sha256: \(hash), groups: [K, \u{212A}]}",
      "two groups differ only in how Unicode spells '\u{212A}'"),
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

  /// Looks twice, as a change is taken only then.
  private func reload(
    _ loader: inout AccessFileLoader
  ) async throws -> AccessFileLoader.Reload? {
    #expect(await loader.reloadIfChanged().isNone, "a change is not taken at the first look")
    return await loader.reloadIfChanged()
  }

  private func isQuiet(_ loader: inout AccessFileLoader) async -> Bool {
    for _ in 0..<3 where await !loader.reloadIfChanged().isNone { return false }
    return true
  }

  @Test("A change is read once, also one that is wrong, and one of the keys")
  func reload() async throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/access.yaml"
    let keys = "\(folder.path)/keys.pem"
    try write("version: 1\n\(Self.rule)", path)
    var loader = AccessFileLoader(path: path)
    #expect(try await loader.load().file.tokens.isEmpty)
    #expect(await isQuiet(&loader))

    let jwt = "version: 1\njwt: {keys: keys.pem, issuer: i, audience: a}\n\(Self.rule)"
    try write(jwt, path)
    let missing = try #require(try await reload(&loader))
    #expect(missing.settings == nil)
    #expect("\(missing)".contains("keys.pem:1:1: cannot be read: No such file"))
    #expect(await isQuiet(&loader))

    try write("nonsense", keys)
    let wrong = try #require(try await reload(&loader))
    #expect("\(wrong)".contains("neither a JSON Web Key Set nor public keys in PEM"))
    #expect(await isQuiet(&loader))

    try write(Keys.set, keys)
    chmod(keys, 0o644)
    let open = try #require(try await reload(&loader))
    #expect("\(open)".contains("keys.pem: others can read or change this secret key; chmod 600"))
    chmod(keys, 0o640)
    let right = try #require(try await reload(&loader))
    #expect(right.settings?.file.webTokens?.audience == "a")
    #expect(right.failure == nil)
    #expect(await isQuiet(&loader))

    try write("version: 7\n", path)
    #expect("\(try #require(try await reload(&loader)))".contains("version is '7'"))
    #expect(await isQuiet(&loader))
    unlink(path)
    #expect("\(try #require(try await reload(&loader)))".contains("cannot be read"))
    #expect(await isQuiet(&loader))
    try write("version: 1\n\(Self.rule)", path)
    let last = try #require(try await reload(&loader))
    #expect(last.settings != nil && last.settings?.file.webTokens == nil)
  }

  @Test("A file that is being written is not taken for a policy")
  func halfWritten() async throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/access.yaml"
    let whole = "version: 1\nrules:\n - {who: anyone, allow: send cs.cmd.a.*}\n"
    try write(whole, path)
    var loader = AccessFileLoader(path: path)
    _ = try await loader.load()
    try write(whole + " - {who: anyone, allow: send cs.cmd.b.*}\n", path)
    #expect(await loader.reloadIfChanged().isNone)
    try write(
      whole + " - {who: anyone, allow: send cs.cmd.b.*, deny: send cs.cmd.b.X}\n", path)
    #expect(await loader.reloadIfChanged().isNone)
    let reload = await loader.reloadIfChanged()
    #expect(reload?.settings?.file.policy.rules.last?.deny.count == 1)
    // Back to what it was before anybody took it: nothing has changed.
    try write(whole, path)
    #expect(await loader.reloadIfChanged().isNone)
    try write(
      whole + " - {who: anyone, allow: send cs.cmd.b.*, deny: send cs.cmd.b.X}\n", path)
    #expect(await isQuiet(&loader))
  }

  @Test("A key that is taken away is gone although the access file is broken")
  func revokedKey() async throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/access.yaml"
    let keysPath = "\(folder.path)/keys.pem"
    let (old, new) = (try Keys(), try Keys())
    try write(old.pem, keysPath)
    try write(
      "version: 1\njwt: {keys: keys.pem, issuer: i, audience: a}\n\(Self.rule)", path)
    var loader = AccessFileLoader(path: path)
    _ = try await loader.load()
    try write("version: 1\nruels: []\n", path)
    #expect(try await reload(&loader)?.settings == nil)
    try write(new.pem, keysPath)
    let reload = try #require(try await reload(&loader))
    #expect(reload.failure == nil, "it was told already")
    #expect(reload.settings?.file.webTokens?.issuer == "i")
    let verifier = try #require(reload.settings?.verifier)
    func reason(_ keys: Keys) async throws -> String {
      let token = try await Keys.token(#""alg":"ES256""#, sign: keys.es256)
      do throws(TokenRefusal) {
        return try verifier.verify(token, now: 1000).principal.name
      } catch {
        return error.reason
      }
    }
    #expect(try await reason(old) == "its signature is wrong")
    #expect(try await reason(new) == "its issuer is wrong")
    #expect(await isQuiet(&loader))
    // Both at once: each is told.
    try write("version: 1\nrolls: []\n", path)
    try write(old.pem, keysPath)
    let both = try #require(try await self.reload(&loader))
    #expect(both.failure?.description.contains("rolls") == true)
    #expect(both.settings != nil)
    // Keys that are moved by a file whose new keys are not there stay watched where they are.
    try write("version: 1\njwt: {keys: new.pem, issuer: i, audience: a}\n\(Self.rule)", path)
    #expect(try await self.reload(&loader)?.failure?.description.contains("new.pem") == true)
    try write(new.pem, keysPath)
    let moved = try #require(try await self.reload(&loader))
    #expect(moved.failure == nil && moved.settings != nil)
    try write(old.pem, "\(folder.path)/new.pem")
    #expect(try await self.reload(&loader)?.settings?.file.webTokens?.keysPath == "new.pem")
    #expect(await isQuiet(&loader))
  }
}

extension Optional<AccessFileLoader.Reload> {
  fileprivate var isNone: Bool { if case .none = self { true } else { false } }
}
