import FoundationEssentials
import TestSupport
import Testing

/// The articles of the SDK show what is compiled and run here, line by line.
@Suite struct ArticleTests {
  private static let articles = [
    "FirstEntity", "ValueEntities", "Actions", "ReplicatedEntities",
  ]

  @Test(
    "Every Swift block is in an example, every proto block is the file it is from",
    arguments: articles)
  func blocks(of article: String) throws {
    let text = try read("Sources/CloudstateSDK/CloudstateSDK.docc/\(article).md")
    let swift = blocks("swift", of: text).filter { !$0.contains("import PackageDescription") }
    let protos = blocks("proto", of: text)
    #expect(swift.count == 2 && protos.count == 1)
    let examples = try sources(in: "", endingWith: "Example.swift").map(lines)
    for block in swift {
      let block = lines(block)
      #expect(examples.contains { $0.contains(block) }, "\(block.first ?? "")")
    }
    let files = try sources(in: "/Protos", endingWith: ".proto")
    for block in protos { #expect(files.contains { $0 == block }) }
  }

  @Test("The example of calls from inside a node is one that runs")
  func insideExample() throws {
    let text = try read("Sources/CloudstateEmbedded/CloudstateEmbedded.docc/CloudstateEmbedded.md")
    let block = try #require(
      blocks("swift", of: text).first { $0.contains("countStart(number: Int") })
    #expect(
      try lines(read("Tests/CloudstateSDKTests/Examples/InsideExample.swift")).contains(
        lines(block)))
  }

  private func read(_ path: String) throws -> String {
    try String(
      decoding: Data(contentsOf: URL(filePath: "\(repositoryFolder)/\(path)")), as: UTF8.self)
  }

  private func sources(in folder: String, endingWith end: String) throws -> [String] {
    let examples = "Tests/CloudstateSDKTests/Examples\(folder)"
    return try FileManager.default.contentsOfDirectory(atPath: "\(repositoryFolder)/\(examples)")
      .filter { $0.hasSuffix(end) }.map { try read("\(examples)/\($0)") }
  }

  /// The code blocks in one language.
  private func blocks(_ language: String, of article: String) -> [String] {
    article.split(separator: "```\(language)\n", omittingEmptySubsequences: false).dropFirst()
      .compactMap { $0.split(separator: "```", maxSplits: 1).first.map { String($0) } }
  }

  /// Lines without indentation; empty ones, and those that say so, are not shown.
  private func lines(_ source: String) -> [Substring] {
    source.split(separator: "\n").map { $0.drop { $0 == " " } }
      .filter { !$0.isEmpty && !$0.hasSuffix("// not shown") }
  }
}
