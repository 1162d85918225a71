import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf
import Testing

@testable import Ingress

/// Bindings and mistakes in HTTP rules (proxy behaviour, sections 12.1 and 12.2).
@Suite struct HTTPRuleTests {
  private func bindings(_ methods: HTTPFixture.Method...) throws -> HTTPBindings {
    try HTTPBindings(pool: HTTPFixture.pool(methods), services: ["t.S"])
  }

  private func text(_ binding: HTTPBinding) -> String {
    "\(binding.verb ?? "*") \(binding.template.text) \(binding.methodPath)"
  }

  @Test("A rule and its additional ones make bindings, without a rule there is a generated one")
  func declared() throws {
    let all = try bindings(
      .init(
        "A", rule(get: "/a/{id}", also: [rule(post: "/a", body: "*"), .with { $0.put = "/a2" }])),
      .init("B"),
      .init("C", .with { $0.custom = .with { ($0.kind, $0.path) = ("*", "/c") } }),
      .init("D", .with { $0.delete = "/d" }), .init("E", .with { $0.patch = "/e" })
    ).all
    // The last one declared comes first.
    #expect(
      all.map(text) == [
        "PATCH /e /t.S/E", "DELETE /d /t.S/D", "* /c /t.S/C", "POST /t.S/B /t.S/B",
        "PUT /a2 /t.S/A", "POST /a /t.S/A", "GET /a/{id} /t.S/A",
      ])
    #expect(all[3].body == .message)
  }

  @Test("The last declaration wins, whatever matches too; other verbs are named")
  func found() throws {
    let bindings = try bindings(
      .init("Exact", rule(get: "/a/b")), .init("Any", rule(get: "/a/{id}")),
      .init("Post", rule(post: "/a/{id}")),
      .init("All", .with { $0.custom = .with { ($0.kind, $0.path) = ("*", "/x/{id}") } }))
    func find(_ verb: String, _ path: String) -> String {
      switch bindings.find(verb: verb, path: Array(path.utf8)) {
      case .binding(let binding, _): binding.method.name
      case .wrongVerb(let allowed): allowed.joined(separator: ",")
      case .nothing: "-"
      }
    }
    #expect(find("GET", "/a/b") == "Any")
    #expect(find("POST", "/a/b") == "Post")
    #expect(find("HEAD", "/a/b") == "Any")
    #expect(find("PUT", "/a/b") == "GET,HEAD,POST")
    #expect(find("get", "/a/b") == "GET,HEAD,POST")
    #expect(find("ANYTHING", "/x/1") == "All")
    #expect(find("GET", "/b") == "-")
    #expect(find("POST", "/t.S/Exact") == "-")
  }

  private static let twoLevels = rule(get: "/a", also: [rule(get: "/b", also: [rule(get: "/c")])])

  @Test(
    "Each mistake has its text",
    arguments: [
      (
        .with { ($0.get, $0.selector) = ("/a", "t.S.Other") },
        "HTTP API Config: Rule selector [t.S.Other] must be empty or [t.S.M]"
      ),
      (.with { $0.body = "*" }, "HTTP API Config: Pattern missing for rule [body: \"*\"]!"),
      (.init(), "HTTP API Config: Pattern missing for rule []!"),
      (
        .with { $0.custom = .with { ($0.kind, $0.path) = ("HEAD", "/a") } },
        "HTTP API Config: Only Custom patterns with [*] kind supported but [HEAD] found!"
      ),
      (
        rule(post: "/a", body: "nope"),
        "HTTP API Config: Body configured to [nope] but that field does not exist on input type."
      ),
      (
        rule(post: "/a", body: "inners"),
        "HTTP API Config: Body configured to [inners] but that field is a repeated field."
      ),
      (
        rule(get: "/a", responseBody: "nope"),
        "HTTP API Config: Response body field [nope] does not exist on type [t.Out]"
      ),
      (
        twoLevels,
        "HTTP API Config: Only one level of additionalBindings supported, but [get: \"/a\" "
          + "additional_bindings { get: \"/b\" additional_bindings { get: \"/c\" } }] has more than one!"
      ),
      (
        rule(get: "/{nope}"),
        "HTTP API Config: Unknown field name [nope] in type [t.In] reference in path template for "
          + "method [t.S.M]"
      ),
      (
        rule(get: "/{inner.nope}"),
        "HTTP API Config: Unknown field name [inner.nope] in type [t.In] reference in path template "
          + "for method [t.S.M]"
      ),
      (
        rule(get: "/{id.name}"),
        "HTTP API Config: Unknown field name [id.name] in type [t.In] reference in path template for "
          + "method [t.S.M]"
      ),
      (
        rule(get: "/{numbers}"),
        "HTTP API Config: Repeated parameters [numbers] are not allowed as path variables"
      ),
      (
        rule(get: "/{inners.name}"),
        "HTTP API Config: Repeated parameters [inners] are not allowed as path variables"
      ),
      (
        rule(get: "/{labels}"),
        "HTTP API Config: Map parameters [labels] are not allowed as path variables"
      ),
      (
        rule(get: "/{labels.key}"),
        "HTTP API Config: Map parameters [labels] are not allowed as path variables"
      ),
      (rule(get: "/{color}"), "HTTP API Config: Enum path parameters not supported!"),
      (rule(get: "/{inner}"), "HTTP API Config: Message path parameters not supported!"),
      (rule(get: "/{id}/{id}"), "Duplicate path in template at character 8 of '/{id}/{id}'"),
      (
        rule(get: "no/initial/slash"),
        "Template must start with a slash at character 1 of 'no/initial/slash'"
      ),
      (
        rule(get: "/{id={number}}"),
        "Variable segments may not be nested at character 6 of '/{id={number}}'"
      ),
      (
        rule(get: "/**/a"),
        "Multi segment matchers (**) may only be in the last position of the template at character 2 "
          + "of '/**/a'"
      ),
      (
        rule(post: "/a", body: "labels"),
        "HTTP API Config: Body configured to [labels] but that field is a repeated field."
      ),
      (
        rule(get: "/a", also: [rule(get: "/b", responseBody: "nope")]),
        "HTTP API Config: Response body field [nope] does not exist on type [t.Out]"
      ),
    ] as [(Google_Api_HttpRule, String)])
  func mistakes(rule: Google_Api_HttpRule, text: String) throws {
    let error = #expect(throws: HTTPRuleError.self) { try bindings(.init("M", rule)) }
    #expect(error?.message == text)
  }

  @Test(
    "A selector with the method's name, nested variables and fields of every scalar type are legal")
  func legal() throws {
    _ = try bindings(
      .init("M", .with { ($0.get, $0.selector) = ("/a/{inner.inner.name}", "t.S.M") }),
      .init("N", rule(get: "/{number}/{flag}/{ratio}/{raw}/{big}/{signed}/{small}/{fixed}/{word}")),
      .init("O", rule(post: "/o", body: "inner", responseBody: "inners")),
      // Only GET, PUT, POST, DELETE and PATCH can be declared, and all of them may have a body.
      .init("P", .with { ($0.get, $0.body) = ("/p", "*") }),
      .init("Q", .with { ($0.delete, $0.body) = ("/q", "*") }))
  }
}
