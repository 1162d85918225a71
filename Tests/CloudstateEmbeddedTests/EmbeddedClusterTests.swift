import CloudstateEmbedded
import CloudstateModel
import CloudstateSDK
import Foundation
import Logging
import ShardStore
import SwiftProtobuf
import TCKModelSample
import TCKProtocol
import TestSupport
import Testing

@Suite("Commands from inside the nodes of a cluster")
struct EmbeddedClusterTests {
  private static let shards: UInt32 = 8
  private static let entities = (0..<40).map { "entity-\($0)" }

  private func arguments(_ name: String, data: String, coordinator: Int) -> [String] {
    [
      "--service", "model", "--node-id", name, "--data", data, "--listen", "127.0.0.1:0",
      "--coordinator", "tcp://127.0.0.1:\(coordinator)", "--shards", "\(Self.shards)",
      "--log-level", "error",
    ]
  }

  private func emit(
    _ text: String, to id: String, with client: EmbeddedClient
  ) async throws -> String {
    try await client.send(
      to: "cloudstate.tck.model.EventSourcedTckModel/Process",
      Cloudstate_Tck_Model_Request.with {
        $0.id = id
        $0.actions = [.with { $0.emit.value = text }]
      }, returning: Cloudstate_Tck_Model_Response.self, timeout: .seconds(60)
    ).message
  }

  @Test("A command reaches its entity from either node, wherever the entity is")
  func routing() async throws {
    let folder = try TemporaryDirectory()
    let port = try freePort()
    let coordinator = try TestProcess(
      builtProduct("cs-coordinator"),
      [
        "--bus", "tcp://127.0.0.1:\(port)", "--data", "\(folder.path)/coordinator", "--expect",
        "model=2", "--log-level", "error",
      ])
    let names = ["model-1", "model-2"]
    let nodes = names.map { _ in
      EmbeddedNode(
        descriptors: Sample.descriptors, entities: Sample.entities, actions: Sample.actions)
    }
    let running = zip(names, nodes).map { name, node in
      let arguments = arguments(name, data: "\(folder.path)/\(name)", coordinator: port)
      return Task { try await node.run(arguments: arguments) }
    }
    let outcome: Result<Void, any Error>
    do {
      for entity in Self.entities {
        #expect(try await emit("1", to: entity, with: nodes[0].client) == "1")
        #expect(try await emit("2", to: entity, with: nodes[1].client) == "12")
      }
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    for task in running { task.cancel() }
    for task in running { try await task.value }
    coordinator.signal(SIGTERM)
    try await coordinator.waitForExit()
    try outcome.get()
    // Each node ran some of the entities, so each client has sent some of its commands to the other.
    let stored = try names.map { try events(in: "\(folder.path)/\($0)") }
    #expect(stored.allSatisfy { $0 > 0 })
    #expect(stored.reduce(0, +) == 2 * Self.entities.count)
  }

  /// How many events a node has stored.
  private func events(in folder: String) throws -> Int {
    let service = try #require(ServiceName("model"))
    let store = try RocksDBShardStore.open(
      path: folder, configuration: ShardStoreConfiguration(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    defer { store.close() }
    return try (0..<Self.shards).reduce(0) { sum, index in
      let shard = ShardID(service: service, index: index)
      return try store.stream(of: shard, after: .start, byteLimit: 1 << 24)
        .reduce(sum) { $0 + $1.events.count }
    }
  }
}
