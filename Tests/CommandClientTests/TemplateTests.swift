import CloudstateModel
import CommandClient
import CommandLineKit
import TestSupport
import Testing

@Suite struct TemplateTests {
  private func render(_ text: String, count: Int = 7, seed: UInt64 = 1) throws -> String {
    var random = SeededGenerator(seed: seed)
    return try CommandTemplate(text).render(
      count: count, time: Timestamp(unixMilliseconds: 1234), using: &random)
  }

  @Test("Placeholders are filled in; all else stays, also lonely braces")
  func rendering() throws {
    #expect(try render("{}") == "{}")
    #expect(try render(#"{"a":{"b":"{{count}}"}}"#) == #"{"a":{"b":"7"}}"#)
    #expect(try render("{{ count }}-{{time}}") == "7-1234")
    #expect(try render("{{random 5 5}}") == "5")
  }

  @Test("Random numbers keep to their bounds and reach them")
  func randomBounds() throws {
    let values = Set(try (0..<200).map { try render("{{random -1 1}}", seed: $0) })
    #expect(values == ["-1", "0", "1"])
  }

  @Test("UUIDs are of version 4 and differ")
  func uuids() throws {
    let values = try (0..<50).map { try render("{{uuid}}", seed: $0) }
    #expect(Set(values).count == 50)
    for value in values {
      #expect(
        value.wholeMatch(
          of: #/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#)
          != nil, "\(value)")
    }
  }

  @Test(
    "A wrong placeholder is refused with the nearest right one",
    arguments: [
      ("{{cuont}}", "{{count}}"), ("{{randm 1 2}}", "{{random 1 100}}"),
      ("{{random 2 1}}", "{{random 1 100}}"), ("{{random a b}}", "{{random 1 100}}"),
      ("{{}}", "{{count}}"),
    ])
  func refusals(text: String, hint: String) {
    let error = #expect(throws: ProgramError.self) { try CommandTemplate(text) }
    #expect(error?.status == .usage)
    #expect(error?.hint == hint)
  }

  @Test("A placeholder that is not closed is refused")
  func unclosed() {
    #expect(throws: ProgramError.self) { try CommandTemplate("{{count") }
  }

  @Test("A text without placeholders is constant")
  func constants() throws {
    #expect(try CommandTemplate("{}").constant == "{}")
    #expect(try CommandTemplate("").constant == "")
    #expect(try CommandTemplate("{{count}}").constant == nil)
    #expect(CommandTemplate(verbatim: "{{count}}").constant == "{{count}}")
  }
}
