import CloudstateModel
import Foundation
import TestSupport
import Testing

// Where the shards of a cluster are, as `cs-admin shards` tells.

extension TestCluster {
  func shards() async throws -> [ShardDocument] {
    let result = try await runTool("cs-admin", adminArguments(["shards", "-o", "json"]))
    guard result.status == .code(0) else { return [] }
    return try JSONDecoder().decode(ShardsDocument.self, from: Data(result.output.utf8)).shards
  }

  func adminArguments(_ arguments: [String]) -> [String] {
    arguments + ["--coordinator", "127.0.0.1:\(adminPort ?? 0)"]
  }

  /// Waits until every shard is served, has as many in-sync copies, and none is on its way.
  func waitUntilInSync(
    copies: Int = 1, within limit: Duration = .seconds(60)
  ) async throws {
    try await eventually("all copies are in-sync", within: limit) {
      let shards = try await self.shards()
      return !shards.isEmpty
        && shards.allSatisfy {
          $0.state == .serving && $0.inSync.count >= copies
            && $0.inSync.count == $0.replicas.count
        }
    }
  }

  /// Waits until every shard is served by another node, and none waits for this one.
  func waitUntilServed(without node: Node, within limit: Duration) async throws {
    do {
      try await servedWithout(node, within: limit)
    } catch {
      let shards = try await shards().map { "\($0.shard) \($0.primary) \($0.inSync) \($0.state)" }
      let talk = coordinator?.output(.standardError).suffix(4000) ?? ""
      Issue.record("\(shards.joined(separator: "\n"))\n\(talk)")
      throw error
    }
  }

  private func servedWithout(_ node: Node, within limit: Duration) async throws {
    try await eventually("all shards are served without \(node.name)", within: limit) {
      let shards = try await self.shards()
      return !shards.isEmpty
        && shards.allSatisfy {
          // Until it is out of the in-sync sets, a second death could take the last complete copy along.
          $0.primary != node.name && !$0.inSync.contains(node.name) && $0.state != .starting
            && $0.state != .unavailable
        }
    }
  }
}
