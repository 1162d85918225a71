import Foundation
import TestSupport
import Testing

/// Chromium, if it is installed (`Scripts/install-dependencies --tests`).
private let browser: String? = {
  let paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
  return paths.first { FileManager.default.isExecutableFile(atPath: $0) }
}()

/// A page of another origin in a real browser, which uses a node by gRPC-Web and JSON. The page has no library:
/// its requests are `fetch`, and the browser itself asks the node for leave.
@Suite(
  .serialized, .enabled(if: browser != nil, "needs Chromium"),
  .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct BrowserTests {
  /// Serves the page, and hears what it reports.
  private struct PageServer {
    let process: TestProcess
    let origin: String

    init() async throws {
      process = try TestProcess(
        try #require(pythonInterpreter),
        [
          "\(repositoryFolder)/Tests/EndToEndTests/Browser/page_server.py",
          "\(repositoryFolder)/Tests/EndToEndTests/Browser",
        ])
      let server = process
      try await eventually("the server of the page has a port") {
        server.output(.standardOutput).hasSuffix("\n")
      }
      origin =
        "http://127.0.0.1:"
        + process.output(.standardOutput).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Opens the page in a browser without a past, and answers what it reports of each step.
    func report(using node: TestCluster.Node) async throws -> NSDictionary {
      let profile = try TemporaryDirectory()
      let running = try TestProcess(
        try #require(browser),
        [
          "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
          "--no-first-run", "--disable-background-networking", "--disable-component-update",
          "--disable-sync", "--no-proxy-server", "--user-data-dir=\(profile.path)",
          "\(origin)/cart.html?node=http://\(node.address)",
        ], environment: ["HOME": profile.path])
      let line = try await process.waitForLine(
        containing: "{", in: .standardOutput, within: .seconds(60))
      running.signal(SIGTERM)
      try await running.waitForExit(within: .seconds(20))
      return try #require(
        JSONSerialization.jsonObject(with: Data(line.utf8)) as? NSDictionary)
    }
  }

  @Test("A page of a listed origin shops by gRPC-Web and JSON, and follows the events")
  func allowed() async throws {
    let page = try await PageServer()
    let cluster = try await TestCluster(
      nodes: 2, nodeArguments: ["--cors-origins", page.origin])
    let report = try await page.report(using: cluster.nodes[0])
    let expected: NSDictionary = [
      "binary": [1, "0", true],
      "text": [1, "0"],
      "failure": ["2", "2", "Cannot add 0 of item mug: add at least 1."],
      "read": [["tea", "Tea ☕", 2], ["mug", "Mug", 1]],
      "json": [
        200, true,
        [
          "items": [
            ["productId": "tea", "name": "Tea ☕", "quantity": 2],
            ["productId": "mug", "name": "Mug", "quantity": 1],
            ["productId": "jam", "name": "Jam", "quantity": 3],
          ]
        ],
      ],
      "stream": [1, 2, 3],
    ]
    for key in expected.allKeys {
      #expect(report[key] as? NSObject == expected[key] as? NSObject, "\(key): \(report)")
    }
    #expect(report.count == expected.count)
    #expect(try await cluster.allEvents().count == 3)
  }

  @Test("The browser keeps a page of any other origin from doing anything")
  func refused() async throws {
    let cluster = try await TestCluster(
      nodes: 1, nodeArguments: ["--cors-origins", "http://127.0.0.1:1"])
    let report = try await PageServer().report(using: cluster.nodes[0])
    #expect(report.count == 6)
    for (step, outcome) in report {
      #expect(outcome as? String == "TypeError: Failed to fetch", "\(step)")
    }
    #expect(try await cluster.allEvents().isEmpty)
  }
}
