import Testing

@testable import CloudstateNode

@Suite struct CORSConfigurationTests {
  @Test("Without origins there is no policy")
  func none() throws { #expect(try CORSConfiguration().policy() == nil) }

  @Test("Origins, or all of them, make a policy")
  func policies() throws {
    var configuration = CORSConfiguration()
    configuration.origins = ["*"]
    #expect(try configuration.policy() != nil)
    configuration.origins = ["https://a.example", "http://localhost:3000"]
    configuration.allowsCredentials = true
    #expect(try configuration.policy() != nil)
  }

  @Test(
    "Every wrong setting is named",
    arguments: [
      (["*"], true, 0, ["does not go with cors-origins '*'"]),
      ([], true, 0, ["says nothing without cors-origins"]),
      (["*", "https://a.example"], false, 0, ["'*' alone or a list"]),
      (["https://a.example"], false, 86_401, ["cors-max-age"]),
      (
        ["a.example", "https://b.example/x"], false, -1,
        ["'a.example'", "has a path", "cors-max-age"]
      ),
    ] as [([String], Bool, Int, [String])])
  func problems(origins: [String], credentials: Bool, age: Int, texts: [String]) throws {
    var configuration = CORSConfiguration()
    configuration.origins = origins
    configuration.allowsCredentials = credentials
    configuration.maximumAge = .seconds(age)
    let error = try #require(throws: NodeError.self) { try configuration.policy() }
    #expect(error.code == .configuration)
    for text in texts { #expect(error.message.contains(text)) }
  }
}
