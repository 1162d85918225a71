import CommandLineKit
import Testing

@testable import CompatibilityKit

@Suite struct CaseSelectionTests {
  private func ids(_ patterns: String...) throws -> [String] {
    try CaseSelection(patterns).choose(from: allCases).map(\.id)
  }

  @Test("Names, groups and patterns choose, in the order of the specification")
  func choosing() throws {
    #expect(try ids().count == allCases.count)
    #expect(try ids("VEM3", "esm4") == ["ESM4", "VEM3"])
    #expect(try ids("VEM3,AM1, VEM3") == ["AM1", "VEM3"])
    #expect(try ids("ESM2*") == ["ESM2", "ESM20", "ESM21"])
    #expect(try ids("*M1") == ["AM1", "ESM1", "VEM1", "CRM1", "OM1"])
    #expect(try ids("Value-Entity").count == 19 + 5)
    #expect(try ids("action").count == 34 + 9)
    #expect(try ids("model").count == 156)
    #expect(try ids("proxy").count == 1 + 9 + 5 + 5 + 6 + 1 + 5)
  }

  @Test("A pattern without a match is a mistake, and the nearest name is offered")
  func typo() {
    #expect(
      throws: ProgramError(
        "no case or group matches 'evnt-sourced'", hint: "--only event-sourced", status: .usage)
    ) { try ids("AM1", "evnt-sourced") }
    #expect(
      throws: ProgramError(
        "no case or group matches 'something'", hint: "cs-tck --list", status: .usage)
    ) { try ids("something") }
  }

  @Test(
    "Stars stand for any characters",
    arguments: [
      ("*", "", true), ("a*", "abc", true), ("*c", "abc", true), ("a*c", "abbbc", true),
      ("a*b*c", "aXbYbZc", true), ("A", "a", true), ("a*c", "ab", false), ("a", "ab", false),
      ("", "a", false), ("**b", "b", true),
    ])
  func stars(pattern: String, text: String, matches: Bool) {
    #expect(glob(pattern, text) == matches)
  }
}
