import Foundation
import TestSupport
import Testing

/// Clients with carts of their own that write and read by all nodes while harm is done
/// (`Clients/failover_client.py`), and what must be true afterwards.
final class FailoverLoad {
  struct Report: Decodable {
    let acknowledged: [String: [String]]
    let stale: [String]
    let refused: [String]
    let longest: Double
    let counts: [String: Int]

    var acknowledgedProducts: Set<String> { Set(acknowledged.values.flatMap(\.self)) }
  }

  private let folder: TemporaryDirectory
  private let client: TestProcess

  /// Starts the clients and waits until they work.
  ///
  /// - Parameters:
  ///   - addresses: of the nodes; each command and each query goes to one of them at random.
  ///   - start: starts a program where it reaches them.
  init(
    _ addresses: [String],
    start: (String, [String]) throws -> TestProcess = { try TestProcess($0, $1) }
  ) async throws {
    let python = try #require(pythonInterpreter, "set CS_PYTHON: see Scripts/test")
    folder = try TemporaryDirectory()
    client = try start(
      python,
      [
        "\(repositoryFolder)/Tests/EndToEndTests/Clients/failover_client.py",
        "\(folder.path)/report", "\(folder.path)/stop",
      ] + addresses)
    try await client.waitForLine(
      containing: "working", in: .standardOutput, within: .seconds(30))
  }

  /// Ends the load. Each client ends with a command and a query that were answered.
  func stop() async throws -> Report {
    try "".write(toFile: "\(folder.path)/stop", atomically: true, encoding: .utf8)
    #expect(try await client.waitForExit(within: .seconds(120)) == .code(0))
    return try JSONDecoder().decode(
      Report.self, from: try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/report")))
  }

  /// Nothing stale was read, nothing refused for good, and everything acknowledged is there, exactly once.
  static func check(_ report: Report, events: [TailedEvent]) {
    #expect(report.stale.isEmpty, "\(report.stale.prefix(5))")
    #expect(report.refused.isEmpty, "\(report.refused.prefix(5))")
    JournalCheck.check(events, acknowledged: report.acknowledgedProducts)
  }
}
