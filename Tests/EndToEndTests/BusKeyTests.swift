import Foundation
import TestSupport
import Testing

/// A cluster whose bus has a key, made by `cs-admin`.
@Suite(.serialized) struct BusKeyTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func makeKey(_ name: String, _ arguments: [String] = []) async throws -> String {
    let path = "\(folder.path)/\(name)"
    let result = try await runTool("cs-admin", ["keys", "bus", path] + arguments)
    #expect(result.status == .code(0), "\(result.talk)")
    #expect(result.output.hasPrefix("public key: "))
    return path
  }

  private func cluster(key: String) async throws -> TestCluster {
    try await TestCluster(
      nodeArguments: ["--bus-key", key], coordinatorArguments: ["--bus-key", key],
      hasManagement: true)
  }

  private func addItems(_ cluster: TestCluster, product: String) async throws {
    for user in 0..<9 {
      let add = try await runTool(
        "cs-send",
        [
          "-s", cluster.nodes[user % 3].address, "ShoppingCart/AddItem", "--retry", "--auto-key",
          #"{"userId":"u\#(user)","productId":"\#(product)","name":"Tea","quantity":1}"#,
        ])
      #expect(add.status == .code(0), "\(add.talk)")
    }
  }

  @Test(
    "Commands and tails go over an encrypted bus; a node with another key, or none, stays outside")
  func cluster() async throws {
    let (key, other) = (try await makeKey("bus.key"), try await makeKey("other.key"))
    let cluster = try await cluster(key: key)
    // One node has it all, so most comes over the bus.
    let tail = try TestProcess(
      builtProduct("cs-tail"), ["-s", cluster.nodes[0].address, "--all", "-o", "jsonl"])
    try await addItems(cluster, product: "tea")

    let data = try TemporaryDirectory()
    for arguments in [["--bus-key", other], []] {
      let management = "127.0.0.1:\(try freePort())"
      let foreign = try TestProcess(
        builtProduct("cs-node"),
        [
          "--service", "cart", "--node-id", "foreign", "--listen", "127.0.0.1:0", "--data",
          data.path, "--coordinator", cluster.coordinatorEndpoint, "--shards", "16",
          "--function", "127.0.0.1:\(cluster.nodes[0].functionPort)", "--management", management,
        ] + arguments)
      try await foreign.waitForLine(
        containing: arguments.isEmpty
          ? "wants a key, and this node shows none; give it the peer's --bus-key"
          : "does not have an accepted key, does not encrypt, or is no bus; give both the same --bus-key",
        within: .seconds(20))
      try await cluster.coordinator?.waitForLine(
        containing: "did not show an accepted key and was not let in", within: .seconds(20))
      let ready = try await runProgram(
        "/usr/bin/curl", ["-s", "-w", " %{http_code}", "http://\(management)/ready"])
      #expect(ready.output.contains("waiting for a plan of the coordinator"))
      #expect(ready.output.hasSuffix(" 503"))
      foreign.signal(SIGTERM)
      #expect(try await foreign.waitForExit(within: .seconds(20)) == .code(0))
    }

    try await addItems(cluster, product: "more")
    try await eventually("the tail has all events") {
      tail.output(.standardOutput).split(separator: "\n").count == 18
    }
    #expect(try await cluster.allEvents().count == 18)
    for node in cluster.nodes {
      #expect(node.sidecar?.output(.standardError).contains("accepted key") == false)
    }
  }

  @Test("The key of a running cluster is replaced in three rounds of restarts, node by node")
  func rotation() async throws {
    let file = try await makeKey("bus.key")
    let new = try await makeKey("new.key", ["--accept", file])
    let newText = try String(contentsOfFile: new, encoding: .utf8)
    let newPublic = try #require(
      newText.split(separator: "\n").first { $0.hasPrefix("public = ") })
    let cluster = try await cluster(key: file)
    var old = try String(contentsOfFile: file, encoding: .utf8)
    old += "accept = \(newPublic.dropFirst("public = ".count))\n"
    let last = newText.split(separator: "\n").filter { !$0.hasPrefix("accept") }
      .joined(separator: "\n")
    for (round, text) in [old, newText, last].enumerated() {
      // In place, so that the permissions stay.
      let handle = try #require(FileHandle(forWritingAtPath: file))
      try handle.truncate(atOffset: 0)
      try handle.write(contentsOf: Data(text.utf8))
      try handle.close()
      try await cluster.killCoordinator()
      try cluster.startCoordinator()
      for node in cluster.nodes {
        try await cluster.stopSidecar(node)
        try cluster.startSidecar(node)
        try await cluster.waitUntilReady(node)
        try await addItems(cluster, product: "p\(round)-\(node.name)")
      }
    }
    #expect(try await cluster.allEvents().count == 81)
  }

  @Test("Key files: made for their owner alone, kept without --force, refused when others can read")
  func files() async throws {
    let key = try await makeKey("bus.key")
    let permissions = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions]
    #expect(permissions as? Int == 0o600)
    let text = try String(contentsOfFile: key, encoding: .utf8)
    let again = try await runTool("cs-admin", ["keys", "bus", key])
    #expect(again.status == .code(7), "\(again.talk)")
    #expect(try String(contentsOfFile: key, encoding: .utf8) == text)
    let forced = try await runTool("cs-admin", ["keys", "bus", key, "--force", "-o", "json"])
    #expect(forced.status == .code(0), "\(forced.talk)")
    #expect(forced.output.contains("\"publicKey\""), "\(forced.output)")
    #expect(try String(contentsOfFile: key, encoding: .utf8) != text)

    chmod(key, 0o644)
    let programs = [
      ("cs-coordinator", ["--data", "\(folder.path)/c"]),
      ("cs-node", ["--data", "\(folder.path)/n", "--service", "a", "--function", "127.0.0.1:1"]),
    ]
    for (program, arguments) in programs {
      let open = try await runTool(program, arguments + ["--bus-key", key])
      #expect(open.status == .code(2), "\(program): \(open.talk)")
      #expect(open.talk.contains("chmod 600 \(key)"), "\(open.talk)")
      #expect(!FileManager.default.fileExists(atPath: arguments[1]))
    }
    chmod(key, 0o600)
    try "public = nonsense\n".write(toFile: key, atomically: false, encoding: .utf8)
    let wrong = try await runTool(
      "cs-coordinator", ["--data", "\(folder.path)/c", "--bus-key", key])
    #expect(wrong.status == .code(2))
    #expect(wrong.talk.contains("\(key):1: not a key"), "\(wrong.talk)")
  }

  @Test("A coordinator and a node that others can reach say so at their start")
  func warnings() async throws {
    let coordinator = try TestProcess(
      builtProduct("cs-coordinator"),
      ["--bus", "tcp://*:*", "--data", "\(folder.path)/coordinator"])
    try await coordinator.waitForLine(containing: "INSECURE: the bus listens at tcp://*:*")
    let node = try TestProcess(
      builtProduct("cs-node"),
      [
        "--service", "cart", "--listen", "0.0.0.0:0", "--bus", "tcp://0.0.0.0:*", "--data",
        "\(folder.path)/node", "--function", "127.0.0.1:1",
      ])
    for text in ["WITHOUT TLS", "EVERYBODY who reaches", "WITHOUT A KEY"] {
      #expect(try await node.waitForLine(containing: text).contains("INSECURE"))
    }
    // Killed with the values: a signal so early may come before the programs watch for it.
    withExtendedLifetime((coordinator, node)) {}
  }
}
