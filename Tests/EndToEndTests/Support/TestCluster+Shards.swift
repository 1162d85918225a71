import CloudstateModel
import Foundation
import TestSupport
import Testing

/// A cluster whose coordinator is administered.
protocol AdministeredCluster {
  /// Runs `cs-admin` with these arguments and the coordinator's address.
  func administer(_ arguments: [String]) async throws -> ProgramResult
  /// What its coordinators said so far, the end of it.
  var coordinatorTalk: String { get }
}

// Where the shards of a cluster are, as `cs-admin shards` tells.
extension AdministeredCluster {
  func shards() async throws -> [ShardDocument] {
    let result = try await administer(["shards", "-o", "json"])
    guard result.status == .code(0) else { return [] }
    return try JSONDecoder().decode(ShardsDocument.self, from: Data(result.output.utf8)).shards
  }

  /// Waits until every shard is served, has as many in-sync copies, and none is on its way.
  func waitUntilInSync(
    copies: Int = 1, within limit: Duration = .seconds(60)
  ) async throws {
    try await waitForShards("all copies are in-sync", within: limit) {
      $0.state == .serving && $0.inSync.count >= copies && $0.inSync.count == $0.replicas.count
    }
  }

  /// Waits until every shard is served by another node, and none waits for this one.
  func waitUntilServed(without name: String, within limit: Duration) async throws {
    try await waitForShards("all shards are served without \(name)", within: limit) {
      // Until it is out of the in-sync sets, a second death could take the last complete copy along.
      $0.primary != name && !$0.inSync.contains(name) && $0.state != .starting
        && $0.state != .unavailable
    }
  }

  /// Waits until all shards are so; tells what was there instead.
  func waitForShards(
    _ what: String, within limit: Duration, _ isSo: (ShardDocument) -> Bool
  ) async throws {
    do {
      try await eventually(what, within: limit) {
        let shards = try await self.shards()
        return !shards.isEmpty && shards.allSatisfy(isSo)
      }
    } catch {
      let shards = try await shards().map { "\($0.shard) \($0.primary) \($0.inSync) \($0.state)" }
      Issue.record("\(shards.joined(separator: "\n"))\n\(coordinatorTalk)")
      throw error
    }
  }
}

extension TestCluster: AdministeredCluster {
  func adminArguments(_ arguments: [String]) -> [String] {
    arguments + ["--coordinator", adminAddresses ?? "127.0.0.1:\(adminPort ?? 0)"]
  }

  func administer(_ arguments: [String]) async throws -> ProgramResult {
    try await runTool("cs-admin", adminArguments(arguments))
  }

  var coordinatorTalk: String {
    String(coordinator?.output(.standardError).suffix(4000) ?? "")
  }

  func waitUntilServed(without node: Node, within limit: Duration) async throws {
    try await waitUntilServed(without: node.name, within: limit)
  }
}
