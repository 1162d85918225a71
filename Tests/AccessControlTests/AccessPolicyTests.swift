import AccessControl
import CloudstateModel
import Testing

/// One question to the policy of the tests, and what decides.
struct AccessCase: Sendable, CustomTestStringConvertible {
  let name: String
  let groups: Set<String>
  let proof: Principal.Proof
  let question: String
  /// The number of the rule, from 1, `nil` for none.
  let rule: Int?
  let isAllowed: Bool

  init(
    _ name: String, proof: Principal.Proof = .token, _ question: String, _ isAllowed: Bool,
    rule: Int?
  ) {
    self.init(name, [], proof: proof, question, isAllowed, rule: rule)
  }

  init(
    _ name: String, _ groups: Set<String>, proof: Principal.Proof = .token, _ question: String,
    _ isAllowed: Bool, rule: Int?
  ) {
    self.name = name
    self.groups = groups
    self.proof = proof
    self.question = question
    self.rule = rule
    self.isAllowed = isAllowed
  }

  var testDescription: String { "\(name) \(groups) \(question)" }
}

@Suite("Decisions of a policy")
struct AccessPolicyTests {
  static let policy = AccessPolicy([
    rule(1, [.group("support")], allow: ["cs.cmd.cart.*", "cs.evt.cart.*.*.*"]),
    rule(2, [.group("support")], deny: ["cs.cmd.cart.Remove", "cs.evt.cart.*.secret.*"]),
    rule(3, [.name("ada")], allow: ["cs.cmd.cart.Remove", "cs.admin.>"]),
    rule(4, [.anyone], allow: ["cs.cmd.shop.Browse"]),
    rule(5, [.authenticated], allow: ["cs.cmd.shop.Buy"], deny: ["cs.cmd.shop.Sell"]),
    rule(6, [.name("bob"), .name("eve")], allow: ["cs.evt.cart.shopping-cart.bob.>"]),
    rule(7, [.name("root")], allow: ["cs.cmd.>", "cs.evt.>", "cs.admin.>"]),
    rule(8, [.name("parts")], allow: ["cs.evt.a.*.*.*", "cs.evt.b.*.*.*"]),
  ])

  private static func rule(
    _ line: Int, _ who: [AccessRule.Who], allow: [String] = [], deny: [String] = []
  ) -> AccessRule {
    func permissions(_ texts: [String]) -> [AccessRule.Permission] {
      texts.compactMap(SubjectPattern.init).compactMap { pattern in
        AccessAction(of: pattern).map { AccessRule.Permission($0, pattern) }
      }
    }
    return AccessRule(who: who, allow: permissions(allow), deny: permissions(deny), line: line)
  }

  static let cases: [AccessCase] = [
    // Groups, and a denial that wins over what stands before and behind it.
    AccessCase("sue", ["support"], "cs.cmd.cart.Add", true, rule: 1),
    AccessCase("sue", ["support"], "cs.cmd.cart.Remove", false, rule: 2),
    AccessCase("ada", ["support"], "cs.cmd.cart.Remove", false, rule: 2),
    AccessCase("ada", "cs.cmd.cart.Remove", true, rule: 3),
    AccessCase("sue", "cs.cmd.cart.Add", false, rule: nil),
    AccessCase("support", "cs.cmd.cart.Add", false, rule: nil),
    AccessCase("group:support", "cs.cmd.cart.Add", false, rule: nil),
    // An action of one kind says nothing of another.
    AccessCase("ada", "cs.admin.auth.check", true, rule: 3),
    AccessCase("sue", ["support"], "cs.admin.auth.check", false, rule: nil),
    AccessCase("ada", "cs.evt.cart.shopping-cart.ada.Added", false, rule: nil),
    // Everybody, and whoever has a name.
    AccessCase("guest", proof: .none, "cs.cmd.shop.Browse", true, rule: 4),
    AccessCase("x", "cs.cmd.shop.Browse", true, rule: 4),
    AccessCase("x", "cs.cmd.shop.Buy", true, rule: 5),
    AccessCase("x", proof: .certificate, "cs.cmd.shop.Buy", true, rule: 5),
    AccessCase("guest", proof: .none, "cs.cmd.shop.Buy", false, rule: nil),
    AccessCase("x", "cs.cmd.shop.Sell", false, rule: 5),
    AccessCase("root", "cs.cmd.shop.Sell", false, rule: 5),
    AccessCase("guest", proof: .none, "cs.cmd.shop.Sell", false, rule: nil),
    // Patterns: all of it by one entry, none of it denied.
    AccessCase("bob", "cs.evt.cart.shopping-cart.bob.*", true, rule: 6),
    AccessCase("bob", "cs.evt.cart.shopping-cart.bob.>", true, rule: 6),
    AccessCase("bob", "cs.evt.cart.*.bob.*", false, rule: nil),
    AccessCase("bob", "cs.evt.cart.>", false, rule: nil),
    AccessCase("sue", ["support"], "cs.evt.cart.shopping-cart.sue.*", true, rule: 1),
    AccessCase("sue", ["support"], "cs.evt.cart.>", false, rule: 2),
    AccessCase("sue", ["support"], "cs.evt.cart.x.secret.Told", false, rule: 2),
    AccessCase("root", "cs.evt.cart.>", true, rule: 7),
    AccessCase("root", "cs.evt.>", true, rule: 7),
    AccessCase("root", "cs.cmd.cart.>", true, rule: 7),
    AccessCase("root", "cs.cmd.>", false, rule: 5),
    AccessCase("parts", "cs.evt.a.>", true, rule: 8),
    AccessCase("parts", "cs.evt.*.x.y.Z", false, rule: nil),
  ]

  @Test("Each question is decided by the right rule", arguments: cases)
  func decisions(row: AccessCase) throws {
    let principal = Principal(name: row.name, groups: row.groups, proof: row.proof)
    let question = try AccessQuestion(subject: row.question)
    let decision = Self.policy.decide(principal, question.action, question.pattern)
    #expect(decision.isAllowed == row.isAllowed)
    let explanation = AccessExplanation(question, of: principal, under: Self.policy)
    #expect(explanation.isAllowed == row.isAllowed)
    #expect(explanation.decidingRule == row.rule)
    let rights = Self.policy.rights(of: principal)
    #expect(rights.allows(question.action, all: question.pattern) == row.isAllowed)
    if let subject = Subject(row.question) {
      #expect(rights.allows(question.action, subject) == row.isAllowed, "for a single subject")
      #expect(Self.policy.decide(principal, question.action, subject) == decision)
    }
  }

  @Test("An explanation names every rule, whom it is about and what it says of the question")
  func explanation() throws {
    let principal = Principal(name: "ada", groups: ["support"], proof: .token)
    let explanation = AccessExplanation(
      try AccessQuestion(subject: "cs.cmd.cart.Remove"), of: principal, under: Self.policy)
    #expect(explanation.findings.map(\.line) == Array(1...8))
    #expect(
      explanation.findings.map(\.who) == [
        "group:support", "group:support", "ada", "anyone", "authenticated", nil, nil, nil,
      ])
    #expect(explanation.permission == "send cs.cmd.cart.Remove")
    #expect(
      explanation.findings[1].matches == [
        .init(isDenial: true, permission: "send cs.cmd.cart.Remove", isDecisive: true)
      ])
    let part = AccessExplanation(
      try AccessQuestion(subject: "cs.evt.cart.>"), of: Principal(name: "bob", proof: .token),
      under: Self.policy)
    #expect(part.findings[5].matches.map(\.isDecisive) == [false])
  }

  @Test("Some rights on a service are known as some")
  func some() throws {
    let bob = Self.policy.rights(of: Principal(name: "bob", proof: .token))
    #expect(bob.allows(.tail, someOf: try #require(SubjectPattern("cs.evt.cart.>"))))
    #expect(!bob.allows(.tail, someOf: try #require(SubjectPattern("cs.evt.shop.>"))))
    let denied = AccessPolicy([
      Self.rule(1, [.anyone], allow: ["cs.evt.cart.a.*.*"], deny: ["cs.evt.cart.>"])
    ]).rights(of: Principal(name: "bob", proof: .token))
    #expect(!denied.allows(.tail, someOf: try #require(SubjectPattern("cs.evt.cart.>"))))
  }

  @Test(
    "Without access control everybody sends and tails, and only the machine itself administrates")
  func uncontrolled() throws {
    let check = Subject(tokens: ["cs", "admin", "auth", "check"])
    let command = Subject(tokens: ["cs", "cmd", "a", "B"])
    for (rights, isAllowed) in [
      (AccessRights.uncontrolled(isLocal: true), true), (.uncontrolled(isLocal: false), false),
      (.inside, true), (.none, false),
    ] {
      #expect(rights.allows(.admin, check) == isAllowed)
      #expect(rights.allows(.admin, all: SubjectPattern(check)) == isAllowed)
    }
    #expect(AccessRights.uncontrolled(isLocal: false).allows(.send, command))
    #expect(!AccessRights.none.allows(.send, command))
  }

  @Test(
    "What is no subject of anything is no question",
    arguments: [
      "", "cs", "cs.cmd", "cs.cmd.cart", "cs.cmd.a.b.c", "foo.bar", "cs..x", ">", "cs.*.a.b",
    ])
  func noQuestion(text: String) {
    #expect(throws: AccessQuestion.Invalid.self) { try AccessQuestion(subject: text) }
  }
}
