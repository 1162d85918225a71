import Foundation
import TestSupport
import Testing

/// `cs-admin entity` at real nodes.
@Suite(.serialized) struct EntityCommandTests {
  @Test("State, events and snapshot of an entity are shown by any node")
  func eventSourced() async throws {
    let cluster = try await TestCluster(nodes: 2, shards: 4)
    for number in 1...5 {
      let add = try await runTool(
        "cs-send",
        [
          "-s", cluster.servers, "ShoppingCart/AddItem",
          #"{"userId":"ada","productId":"p\#(number)","name":"P","quantity":1}"#,
        ])
      #expect(add.status == .code(0), "\(add.talk)")
    }
    for node in cluster.nodes {
      let state = try await runTool(
        "cs-admin", ["entity", "get", "ShoppingCart", "ada", "-s", node.address, "-o", "jsonl"])
      let line = try #require(try state.jsonLines().first, "\(state.talk)")
      #expect(line["lastSequence"] as? Int == 5)
      #expect(line["persistenceId"] as? String == "shopping-cart")
      #expect(line["kind"] as? String == "event-sourced")
      let events = try await runTool(
        "cs-admin",
        [
          "entity", "events", "shopping-cart", "ada", "--from", "2", "--limit", "3", "-s",
          node.address, "-o", "jsonl",
        ])
      let lines = try events.jsonLines()
      #expect(lines.map { $0["seq"] as? Int } == [2, 3, 4], "\(events.talk)")
      let data = lines.first?["data"] as? [String: Any]
      #expect((data?["item"] as? [String: Any])?["productId"] as? String == "p2")
    }
    let text = try await runTool(
      "cs-admin", ["entity", "get", "shopping-cart", "ada", "-s", cluster.servers])
    #expect(text.output.contains("last       event 5"), "\(text.output)")
    let nobody = try await runTool(
      "cs-admin", ["entity", "get", "shopping-cart", "nobody", "-s", cluster.servers])
    #expect(nobody.status == .code(5), "\(nobody.talk)")
    let noType = try await runTool(
      "cs-admin", ["entity", "events", "baskets", "ada", "-s", cluster.servers])
    #expect(noType.status == .code(5), "\(noType.talk)")
    #expect(noType.talk.contains("shopping-cart"), "\(noType.talk)")
  }

  @Test("The value of a value entity is its snapshot, and its deletion is told")
  func valueEntity() async throws {
    let cluster = try await TestCluster(nodes: 1, function: .swiftValue, shards: 4)
    func send(_ method: String, _ body: String) async throws {
      let result = try await runTool(
        "cs-send", ["-s", cluster.servers, "ShoppingCart/\(method)", body])
      #expect(result.status == .code(0), "\(result.talk)")
    }
    try await send("AddItem", #"{"userId":"ada","productId":"tea","name":"Tea","quantity":2}"#)
    let value = try await runTool(
      "cs-admin", ["entity", "snapshot", "ShoppingCart", "ada", "-s", cluster.servers])
    #expect(value.status == .code(0), "\(value.talk)")
    #expect(value.output.contains(#""tea""#), "\(value.output)")
    try await send("RemoveCart", #"{"userId":"ada"}"#)
    let gone = try await runTool(
      "cs-admin", ["entity", "snapshot", "ShoppingCart", "ada", "-s", cluster.servers])
    #expect(gone.status == .code(5), "\(gone.talk)")
    #expect(gone.talk.contains("deleted"), "\(gone.talk)")
  }

  @Test("With access rules the data of entities needs its own right")
  func rights() async throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/access.yaml"
    try """
    version: 1
    tokens:
     - {name: looker, sha256: \(sha256("token-of-looker"))}
     - {name: tailer, sha256: \(sha256("token-of-tailer"))}
    rules:
     - {who: looker, allow: admin cs.admin.entity.*}
     - {who: tailer, allow: tail cs.evt.>}
    """.write(toFile: path, atomically: true, encoding: .utf8)
    let cluster = try await TestCluster(
      nodes: 1, shards: 2, nodeArguments: ["--access", path])
    func ask(_ token: String?, _ arguments: [String]) async throws -> ProgramResult {
      try await runTool(
        "cs-admin",
        arguments + ["-s", cluster.servers] + (token.map { ["--token", "token-of-\($0)"] } ?? []))
    }
    let get = ["entity", "get", "shopping-cart", "ada"]
    #expect(try await ask("looker", get).status == .code(5))
    let refused = try await ask("tailer", get)
    #expect(refused.status == .code(6), "\(refused.talk)")
    #expect(refused.talk.contains("admin cs.admin.entity.get"), "\(refused.talk)")
    #expect(try await ask(nil, get).status == .code(6))
    let backup = try await ask("looker", ["backup", "--to", "\(folder.path)/nightly"])
    #expect(backup.status == .code(6), "\(backup.talk)")
  }
}
