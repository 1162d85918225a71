import Foundation
import TestSupport
import Testing

/// Nodes on a disk that loses what was not synced, and the power fails.
@Suite(.serialized) struct LossyDiskTests {
  private static let python = "/usr/bin/python3"
  private static let writer = "\(repositoryFolder)/Tests/EndToEndTests/LossyDisk/writer.py"

  /// Files of an earlier run; all of it counts as synced.
  private func earlierFiles(in folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for name in [
      "old", "overwritten", "twice", "truncated", "emptied", "renamed", "removed", "replaced",
      "removed-for-good",
    ] {
      try "abcdefgh".write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }
  }

  @Test("The disk keeps what was synced and loses everything else: content, names, removals")
  func layer() async throws {
    let disk = try await LossyDisk()
    let place = try TemporaryDirectory()
    let folder = "\(place.path)/data"
    try earlierFiles(in: folder)
    let result = try await runProgram(
      Self.python, [Self.writer, folder, "changes"], environment: disk.environment(for: folder))
    #expect(result.status == .signal(SIGKILL), "\(result.talk)")
    #expect(try String(contentsOfFile: "\(folder)/appended", encoding: .utf8) == "kept lost")
    let loss = try await disk.losePower(folder)
    var found: [String: String] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
      found[name] = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }
    let untouched = [
      "old", "overwritten", "truncated", "emptied", "renamed", "removed", "replaced",
    ]
    var expected = Dictionary(uniqueKeysWithValues: untouched.map { ($0, "abcdefgh") })
    expected["appended"] = "kept"
    expected["twice"] = "1bcdefgh"
    expected["recorded"] = ""
    expected["sub/inner"] = "inner"
    #expect(found == expected)
    #expect(loss.lostFiles == ["elsewhere", "unrecorded"])
    #expect(loss.foundFiles == ["removed", "renamed"])
  }

  @Test("A call that could write past the disk ends the process with its name")
  func loud() async throws {
    let disk = try await LossyDisk()
    let place = try TemporaryDirectory()
    let folder = "\(place.path)/data"
    try earlierFiles(in: folder)
    let result = try await runProgram(
      Self.python, [Self.writer, folder, "mmap"], environment: disk.environment(for: folder))
    #expect(result.status == .signal(SIGABRT))
    #expect(result.talk.contains("mmap for writing"), "\(result.talk)")
  }

  @Test("When the power fails again and again under load, no acknowledged event is lost")
  func powerFailures() async throws {
    var random = SeededGenerator(seed: testSeed("power failures"))
    let disk = try await LossyDisk()
    let cluster = try await TestCluster(nodes: 2, function: .embedded, shards: 8, disk: disk)
    let report = "\(cluster.folder.path)/report.jsonl"
    let sender = try JournalCheck.startLoad(cluster, users: 40, report: report)
    var lostBytes = 0
    for _ in 0..<6 {
      // Random moments are the point here; nothing waits for this time to pass.
      try await Task.sleep(for: .milliseconds(Int.random(in: 300...1500, using: &random)))
      // One node, or the whole machine.
      let failing =
        Bool.random(using: &random)
        ? cluster.nodes : [cluster.nodes[Int.random(in: 0..<2, using: &random)]]
      for node in failing { node.sidecar?.signal(SIGKILL) }
      lostBytes += try await restart(failing, of: cluster, disk)
    }
    let status = try await sender.waitForExit(within: .seconds(120))
    #expect(status == .code(0), "\(sender.output(.standardError).suffix(3000))")
    #expect(lostBytes > 0, "the failures took nothing, so this test has shown nothing")
    let acknowledged = try JournalCheck.reportedProducts(report)
    #expect(acknowledged.count > 300, "only \(acknowledged.count) commands got through")
    let events = try await cluster.allEvents()
    JournalCheck.check(events, acknowledged: acknowledged)
    try await JournalCheck.checkCarts(cluster, events: events)
  }

  @Test("A disk that does not sync the log loses acknowledged events, and that is noticed")
  func bites() async throws {
    let disk = try await LossyDisk(ignoringSyncsOf: ".log")
    let cluster = try await TestCluster(nodes: 1, function: .embedded, shards: 4, disk: disk)
    let report = "\(cluster.folder.path)/report.jsonl"
    let sender = try JournalCheck.startLoad(cluster, users: 10, report: report, duration: "3s")
    #expect(try await sender.waitForExit(within: .seconds(60)) == .code(0))
    let acknowledged = try JournalCheck.reportedProducts(report)
    #expect(acknowledged.count > 50)
    let before = try await cluster.allEvents()
    #expect(acknowledged.subtracting(before.map(\.product)).isEmpty)
    cluster.nodes[0].sidecar?.signal(SIGKILL)
    _ = try await restart(cluster.nodes, of: cluster, disk)
    let after = try await cluster.allEvents()
    #expect(!acknowledged.subtracting(after.map(\.product)).isEmpty)
  }

  /// After a kill: what was not synced goes, and the nodes start with the rest.
  private func restart(
    _ nodes: [TestCluster.Node], of cluster: TestCluster, _ disk: LossyDisk
  ) async throws -> Int {
    var lostBytes = 0
    for node in nodes {
      try await cluster.killSidecar(node)
      lostBytes += try await disk.losePower(cluster.data(of: node)).lostBytes
      try cluster.startSidecar(node)
    }
    for node in nodes { try await cluster.waitUntilReady(node) }
    return lostBytes
  }
}
