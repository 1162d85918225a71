import Foundation
import TestSupport
import Testing

/// Backups of real clusters, and new clusters made of them.
@Suite(.serialized) struct BackupTests {
  private static let users = 30

  @Test(
    "A backup under load, over the loss of a node, brings back exactly what was there at its cut",
    arguments: [1, 2])
  func underLoad(copies: Int) async throws {
    let cluster = try await TestCluster(
      nodes: 3, shards: 12, nodeArguments: copies > 1 ? ["--replication", "\(copies)"] : [],
      hasAdmin: true)
    if copies > 1 { try await cluster.waitUntilInSync() }
    let report = "\(cluster.folder.path)/report.jsonl"
    let backup = "\(cluster.folder.path)/nightly"
    let sender = try startLoad(cluster, report: report)
    try await eventually("commands are acknowledged", within: .seconds(30)) {
      try acknowledged(report).count > 300
    }
    let before = try acknowledged(report)
    // Slow enough for a node to go away in the middle.
    let making = try TestProcess(
      builtProduct("cs-admin"),
      ["backup", "--to", backup, "-s", cluster.servers, "--rate", "30000", "-o", "json", "-v"])
    try await eventually("the cut is made") {
      FileManager.default.fileExists(atPath: "\(backup)/cut.json")
    }
    // Without copies the node is waited for; with them its shards go on, and are read, elsewhere.
    try await cluster.killSidecar(cluster.nodes[1])
    if copies == 1 { try cluster.startSidecar(cluster.nodes[1]) }
    let status = try await making.waitForExit(within: .seconds(90))
    #expect(status == .code(0), "\(making.output(.standardError))")
    if copies > 1 { try cluster.startSidecar(cluster.nodes[1]) }
    try await cluster.waitUntilReady(cluster.nodes[1])
    let sent = try await sender.waitForExit(within: .seconds(120))
    #expect(sent == .code(0), "\(sender.output(.standardError).suffix(2000))")
    let cut = try shards(in: making.output(.standardOutput))

    let all = try await cluster.allEvents()
    let expected = all.filter { $0.position <= cut[$0.shard]?.position ?? 0 }
    #expect(expected.count < all.count, "the load ended before the backup")
    #expect(before.subtracting(expected.map(\.product)).isEmpty, "an acknowledged event is missing")

    try await cluster.stop()
    try await verify(backup)
    try await restore(backup, into: cluster)
    try await expectDigests(cut, of: cluster)
    try await cluster.start()
    if copies > 1 { try await cluster.waitUntilInSync() }
    #expect(Set(try await cluster.allEvents()) == Set(expected))
    for (user, events) in Dictionary(grouping: expected, by: \.entity).sorted(by: {
      $0.key < $1.key
    }).prefix(6) {
      let got = try await cart(of: user, in: cluster)
      #expect(got == events.map(\.product), "\(user)")
    }

    // The restored service goes on, and so does its backup.
    let add = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "ShoppingCart/AddItem",
        #"{"userId":"u1","productId":"later","name":"Later","quantity":1}"#,
      ])
    #expect(add.status == .code(0), "\(add.talk)")
    let next = try await runTool(
      "cs-admin", ["backup", "--to", backup, "-s", cluster.servers, "-o", "json"])
    #expect(next.status == .code(0), "\(next.talk)")
    #expect(next.output.contains(#""newBatches": 1,"#), "\(next.output.prefix(300))")
    try await verify(backup)
  }

  @Test("An interrupted backup is taken up by the same command")
  func interrupted() async throws {
    let cluster = try await TestCluster(nodes: 2, shards: 4)
    let report = "\(cluster.folder.path)/report.jsonl"
    let backup = "\(cluster.folder.path)/nightly"
    let sender = try startLoad(cluster, report: report, count: 400)
    #expect(try await sender.waitForExit(within: .seconds(60)) == .code(0))
    let making = try TestProcess(
      builtProduct("cs-admin"),
      ["backup", "--to", backup, "-s", cluster.servers, "--rate", "20000", "--concurrency", "1"])
    try await eventually("a part is fetched") {
      ((try? FileManager.default.contentsOfDirectory(atPath: backup)) ?? []).contains {
        $0.hasSuffix(".batches")
      }
    }
    making.signal(SIGKILL)
    try await making.waitForExit()
    let unfinished = try await runTool("cs-admin", ["backup", "verify", backup])
    #expect(unfinished.status == .code(5), "\(unfinished.talk)")
    let again = try await runTool(
      "cs-admin", ["backup", "--to", backup, "-s", cluster.servers, "-o", "json"])
    #expect(again.status == .code(0), "\(again.talk)")
    let fetched = try #require(try object(again.output)["newBatches"] as? Int)
    #expect(fetched > 0 && fetched < 400, "\(fetched) batches were fetched again")
    try await verify(backup)
    let cut = try shards(in: again.output)
    #expect(cut.values.reduce(0) { $0 + $1.position } == 400)
  }

  @Test("Replicated entities come back, and go on to change")
  func replicatedEntities() async throws {
    let cluster = try await TestCluster(nodes: 2, function: .swiftChat, shards: 4)
    func post(_ text: String, at node: Int) async throws {
      let result = try await runTool(
        "cs-send",
        [
          "-s", cluster.nodes[node].address, "Rooms/Post",
          #"{"room":"tea","user":"ada","text":"\#(text)"}"#,
        ])
      #expect(result.status == .code(0), "\(result.talk)")
    }
    func history(at node: Int) async throws -> String {
      try await runTool(
        "cs-send",
        ["-s", cluster.nodes[node].address, "Rooms/GetHistory", #"{"room":"tea"}"#, "--raw"]
      ).output
    }
    for number in 0..<6 { try await post("before-\(number)", at: number % 2) }
    let backup = "\(cluster.folder.path)/nightly"
    let made = try await runTool(
      "cs-admin", ["backup", "--to", backup, "-s", cluster.servers], within: .seconds(60))
    #expect(made.status == .code(0), "\(made.talk)")
    try await post("behind-the-cut", at: 0)
    try await cluster.stop()
    try await verify(backup)
    try await restore(backup, into: cluster)
    try await cluster.start()
    for node in 0..<2 {
      try await eventually("node \(node) has the history of the cut") {
        let text = try await history(at: node)
        return (0..<6).allSatisfy { text.contains("before-\($0)") }
          && !text.contains("behind-the-cut")
      }
    }
    try await post("after", at: 1)
    try await eventually("both know of the change") {
      try await history(at: 0).contains("after")
    }
    let entity = try await runTool(
      "cs-admin", ["entity", "get", "Rooms", "tea", "-s", cluster.servers])
    #expect(entity.status == .code(0), "\(entity.talk)")
    #expect(entity.output.contains("crdt"), "\(entity.output)")
  }

  @Test(
    "A restore into a directory that is not empty, or of several nodes without a coordinator, is refused"
  )
  func refusals() async throws {
    let cluster = try await TestCluster(nodes: 1, shards: 2)
    let backup = "\(cluster.folder.path)/nightly"
    let made = try await runTool("cs-admin", ["backup", "--to", backup, "-s", cluster.servers])
    #expect(made.status == .code(0), "\(made.talk)")
    let data = "\(cluster.folder.path)/cart-1"
    let filled = try await runTool("cs-admin", ["restore", "--from", backup, "--data", data])
    #expect(filled.status == .code(7), "\(filled.talk)")
    #expect(filled.talk.contains("not empty"))
    let alone = try await runTool(
      "cs-admin",
      ["restore", "--from", backup, "--data", "a=\(data)-1", "--data", "b=\(data)-2"])
    #expect(alone.status == .code(2), "\(alone.talk)")
    #expect(alone.talk.contains("--coordinator"))
    let nothing = try await runTool(
      "cs-admin", ["restore", "--from", "\(data)-none", "--data", "\(data)-3"])
    #expect(nothing.status == .code(5), "\(nothing.talk)")
  }

  @Test("What a cluster has saved can be served by one node alone, whatever its epochs were")
  func aloneAfterwards() async throws {
    let cluster = try await TestCluster(nodes: 2, shards: 4)
    for number in 0..<8 {
      let add = try await runTool(
        "cs-send",
        [
          "-s", cluster.servers, "ShoppingCart/AddItem",
          #"{"userId":"u\#(number)","productId":"tea","name":"Tea","quantity":1}"#,
        ])
      #expect(add.status == .code(0), "\(add.talk)")
    }
    // Restored with a plan once, its epochs are not the first ones any more.
    let folder = cluster.folder.path
    for round in 1...2 {
      let backup = "\(folder)/backup-\(round)"
      let made = try await runTool("cs-admin", ["backup", "--to", backup, "-s", cluster.servers])
      #expect(made.status == .code(0), "\(made.talk)")
      try await cluster.stop()
      guard round == 1 else { break }
      try await restore(backup, into: cluster)
      try await cluster.start()
      let add = try await runTool(
        "cs-send",
        [
          "-s", cluster.servers, "ShoppingCart/AddItem",
          #"{"userId":"u1","productId":"milk","name":"Milk","quantity":1}"#,
        ])
      #expect(add.status == .code(0), "\(add.talk)")
    }
    let data = "\(folder)/alone"
    let restored = try await runTool(
      "cs-admin",
      ["restore", "--from", "\(folder)/backup-2", "--data", data, "--node", "alone"])
    #expect(restored.status == .code(0), "\(restored.talk)")
    let node = cluster.nodes[0]
    try cluster.startFunction(node)
    let alone = try TestProcess(
      builtProduct("cs-node"),
      [
        "--service", "cart", "--node-id", "alone", "--listen", node.address, "--data", data,
        "--shards", "4", "--function", "127.0.0.1:\(node.functionPort)",
      ])
    let add = try await runTool(
      "cs-send",
      [
        "-s", node.address, "--retry", "--timeout", "20s", "ShoppingCart/AddItem",
        #"{"userId":"u1","productId":"honey","name":"Honey","quantity":1}"#,
      ])
    #expect(add.status == .code(0), "\(add.talk)\(alone.output(.standardError))")
    let cart = try await runTool(
      "cs-send", ["-s", node.address, "ShoppingCart/GetCart", #"{"userId":"u1"}"#, "--raw"])
    for product in ["tea", "milk", "honey"] {
      #expect(cart.output.contains(product), "\(cart.output)")
    }
    alone.signal(SIGTERM)
    try await alone.waitForExit()
  }

  // MARK: Helpers

  private struct Cut: Hashable {
    var position: Int
    var digest: String
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// The shards that `cs-admin backup -o json` names.
  private func shards(in text: String) throws -> [Int: Cut] {
    var cut: [Int: Cut] = [:]
    for shard in try #require(try object(text)["shards"] as? [[String: Any]]) {
      cut[try #require(shard["shard"] as? Int)] = Cut(
        position: try #require(shard["position"] as? Int),
        digest: try #require(shard["digest"] as? String))
    }
    return cut
  }

  private func startLoad(
    _ cluster: TestCluster, report: String, count: Int? = nil
  ) throws -> TestProcess {
    try TestProcess(
      builtProduct("cs-send"),
      [
        "-s", cluster.servers, "ShoppingCart/AddItem",
        #"{"userId":"u{{random 1 \#(Self.users)}}","productId":"p{{count}}","name":"P","quantity":1}"#,
        "--template", "--retry", "--auto-key", "--timeout", "60s", "--concurrency", "8", "--report",
        report,
      ] + (count.map { ["--count", "\($0)"] } ?? ["--duration", "14s", "--rate", "100"]))
  }

  private func acknowledged(_ path: String) throws -> Set<String> {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    var products: Set<String> = []
    // The last line may be half written.
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard object?["ok"] as? Bool == true, let request = object?["request"] as? [String: Any],
        let product = request["productId"] as? String
      else { continue }
      products.insert(product)
    }
    return products
  }

  private func verify(_ backup: String) async throws {
    let result = try await runTool("cs-admin", ["backup", "verify", backup])
    #expect(result.status == .code(0), "\(result.talk)")
    #expect(result.output.hasPrefix("sound: "), "\(result.output)")
  }

  /// Puts the directories of a cluster that is stopped away, and makes new ones from a backup.
  private func restore(_ backup: String, into cluster: TestCluster) async throws {
    let folder = cluster.folder.path
    var arguments = ["restore", "--from", backup, "--coordinator", "\(folder)/coordinator"]
    for name in ["coordinator"] + cluster.nodes.map(\.name) {
      try FileManager.default.moveItem(atPath: "\(folder)/\(name)", toPath: "\(folder)/old-\(name)")
      if name != "coordinator" { arguments += ["--data", "\(name)=\(folder)/\(name)"] }
    }
    let result = try await runTool("cs-admin", arguments, within: .seconds(60))
    #expect(result.status == .code(0), "\(result.talk)")
  }

  private func expectDigests(_ cut: [Int: Cut], of cluster: TestCluster) async throws {
    let result = try await runTool(
      "cs-admin",
      ["data", "verify", "-o", "jsonl"]
        + cluster.nodes.map { "\(cluster.folder.path)/\($0.name)" })
    #expect(result.status == .code(0), "\(result.talk)")
    var found: [Int: Cut] = [:]
    for line in try result.jsonLines() {
      let position = try #require(line["position"] as? Int)
      guard position > 0 else { continue }
      let shard = try #require(line["shard"] as? Int)
      #expect(found[shard] == nil, "shard \(shard) is in two directories")
      found[shard] = Cut(position: position, digest: try #require(line["digest"] as? String))
    }
    #expect(found == cut.filter { $0.value.position > 0 })
  }

  private func cart(of user: String, in cluster: TestCluster) async throws -> [String] {
    let result = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "ShoppingCart/GetCart",
        #"{"userId":"\#(user.split(separator: "/").last ?? "")"}"#, "--raw",
      ])
    let items = try object(result.output)["items"] as? [[String: Any]] ?? []
    return items.compactMap { $0["productId"] as? String }
  }
}
