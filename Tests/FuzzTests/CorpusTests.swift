import FoundationEssentials
import TestSupport
import Testing

/// Every input that a fuzzer kept, and every one that once broke something, in seconds.
@Suite("The corpus of the fuzzers")
struct CorpusTests {
  @Test(
    "is taken without a crash, and with all that must hold", arguments: FuzzTarget.all.map(\.name))
  func replay(name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let folder = "\(repositoryFolder)/Tests/FuzzTests/Corpus/\(name)"
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(!files.isEmpty, "there is no corpus in \(folder)")
    for file in files {
      let input = try Data(contentsOf: URL(filePath: "\(folder)/\(file)"))
      #expect(throws: Never.self, "\(name)/\(file)") { try target.run([UInt8](input)) }
    }
  }
}
