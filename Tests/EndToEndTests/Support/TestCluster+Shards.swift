import Foundation
import TestSupport
import Testing

/// Where the shards of a cluster are, as `cs-admin shards` tells.
struct ShardRow: Decodable {
  let shard: String
  let primary: String
  let replicas: [String]
  let inSync: [String]
  let epoch: UInt64
  let isServing: Bool
}

extension TestCluster {
  func shards() async throws -> [ShardRow] {
    let result = try await runTool("cs-admin", adminArguments(["shards", "-o", "json"]))
    guard result.status == .code(0) else { return [] }
    return try JSONDecoder().decode([ShardRow].self, from: Data(result.output.utf8))
  }

  func adminArguments(_ arguments: [String]) -> [String] {
    arguments + ["--coordinator", "127.0.0.1:\(adminPort ?? 0)"]
  }

  /// Waits until every shard is served and all its replicas are in-sync.
  func waitUntilInSync(replicas: Int = 1, within limit: Duration = .seconds(60)) async throws {
    try await eventually("all copies are in-sync", within: limit) {
      let shards = try await self.shards()
      return !shards.isEmpty
        && shards.allSatisfy { $0.isServing && $0.inSync.count >= replicas && $0.inSync.count == $0.replicas.count }
    }
  }

  /// Waits until every shard is served by another node.
  func waitUntilServed(without node: Node, within limit: Duration) async throws {
    try await eventually("all shards are served without \(node.name)", within: limit) {
      let shards = try await self.shards()
      return !shards.isEmpty && shards.allSatisfy { $0.isServing && $0.primary != node.name }
    }
  }
}
