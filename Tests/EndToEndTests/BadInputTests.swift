import Foundation
import TestSupport
import Testing

/// What goes wrong at the edges: a clear error each, nothing lost, nothing hung.
@Suite(.serialized) struct BadInputTests {
  // MARK: Settings

  @Test(
    "Wrong flags end with status 2 and say what to do",
    arguments: [
      (["--data", "x", "--function", "127.0.0.1:1"], "--service is missing"),
      (["--service", "a b", "--data", "x", "--function", "127.0.0.1:1"], "not a name"),
      (["--service", "a", "--function", "127.0.0.1:1"], "--data is missing"),
      (["--service", "a", "--data", "x"], "--function is missing"),
      (["--service", "a", "--data", "x", "--function", "nonsense"], "HOST:PORT"),
      (
        ["--service", "a", "--data", "x", "--function", "127.0.0.1:1", "--shards", "0"],
        "shards must be 1 to 65536"
      ),
    ])
  func wrongFlags(arguments: [String], text: String) async throws {
    let result = try await runTool("cs-node", arguments)
    #expect(result.status == .code(2), "\(result.talk)")
    #expect(result.talk.contains(text), "\(result.talk)")
  }

  @Test("A topology with mistakes is refused with line and nearest key, and nothing is started")
  func wrongTopology() async throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/t.yaml"
    try """
    version: 1
    name: t
    ephemeral: true
    servces:
      - name: cart
        function: {command: [shopping-cart]}
    """.write(toFile: path, atomically: true, encoding: .utf8)
    let result = try await runTool("cs-up", [path])
    #expect(result.status == .code(2), "\(result.talk)")
    #expect(result.talk.contains(":4:"), "\(result.talk)")
    #expect(result.talk.contains("services"), "\(result.talk)")
  }

  // MARK: Stores

  @Test("A second node on one data directory is refused and the first goes on")
  func secondNode() async throws {
    let cluster = try await TestCluster(nodes: 1)
    let second = try await runTool(
      "cs-node",
      [
        "--service", "cart", "--function", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--data",
        "\(cluster.folder.path)/cart-1",
      ])
    #expect(second.status == .code(1), "\(second.talk)")
    #expect(second.talk.contains("another"), "\(second.talk)")
    #expect(try await add(to: cluster).status == .code(0))
  }

  @Test("A data directory of another node is refused")
  func foreignDirectory() async throws {
    let cluster = try await TestCluster(nodes: 1)
    try await cluster.stop()
    let other = try await runTool(
      "cs-node",
      [
        "--service", "orders", "--function", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--data",
        "\(cluster.folder.path)/cart-1",
      ])
    #expect(other.status == .code(2), "\(other.talk)")
    #expect(other.talk.contains("belongs to node cart-1"), "\(other.talk)")
  }

  @Test("A database with a damaged manifest is refused in words")
  func corruptDatabase() async throws {
    let cluster = try await TestCluster(nodes: 1)
    #expect(try await add(to: cluster).status == .code(0))
    try await cluster.stop()
    let data = "\(cluster.folder.path)/cart-1"
    let manifest = try #require(
      try FileManager.default.contentsOfDirectory(atPath: data).first {
        $0.hasPrefix("MANIFEST")
      })
    try Data("not a manifest".utf8).write(to: URL(fileURLWithPath: "\(data)/\(manifest)"))
    let result = try await runTool(
      "cs-node",
      [
        "--service", "cart", "--node-id", "cart-1", "--function", "127.0.0.1:1", "--listen",
        "127.0.0.1:0", "--data", data,
      ])
    #expect(result.status == .code(1), "\(result.talk)")
    #expect(result.talk.contains("orrupt"), "\(result.talk)")
  }

  @Test(
    "On a full disk commands fail in words, and with room again all acknowledged carts are there",
    .enabled(if: geteuid() == 0, "needs the right to mount a small file system")
  )
  func fullDisk() async throws {
    let disk = try SmallDisk(megabytes: 48)
    let cluster = try await TestCluster(nodes: 1, dataFolder: disk.path)
    #expect(try await add(to: cluster, user: "before").status == .code(0))
    let filler = try disk.fill()
    var acknowledged = 0
    var refusal: String?
    let name = String(repeating: "x", count: 100_000)
    for number in 0..<100 {
      let file = "\(cluster.folder.path)/command.json"
      try #"{"userId":"u\#(number)","productId":"p\#(number)","name":"\#(name)","quantity":1}"#
        .write(toFile: file, atomically: true, encoding: .utf8)
      let result = try await runTool(
        "cs-send", ["-s", cluster.servers, "ShoppingCart/AddItem", "@\(file)"])
      guard result.status == .code(0) else {
        refusal = result.talk
        break
      }
      acknowledged += 1
    }
    let text = try #require(refusal, "the disk never filled up")
    let sidecar = try #require(cluster.nodes[0].sidecar)
    #expect(
      text.contains("the disk failed") || text.contains("stopped"),
      """
      \(text)
      the node: \(sidecar.exitIfEnded().map { "\($0)" } ?? "runs")
      \(sidecar.output(.standardError).suffix(4000))
      """)

    try await cluster.stop()
    try FileManager.default.removeItem(atPath: filler)
    try await cluster.start()
    let events = try await cluster.allEvents()
    #expect(
      Set(events.map(\.product)).isSuperset(of: ["tea"] + (0..<acknowledged).map { "p\($0)" }))
    #expect(events.allSatisfy { $0.sequence == 1 })
    #expect(try await add(to: cluster).status == .code(0))
  }

  // MARK: The function

  @Test(
    "An unreachable function keeps the node waiting, not ready, and it starts when the function comes"
  )
  func unreachableFunction() async throws {
    let cluster = try await TestCluster(nodes: 1)
    let node = cluster.nodes[0]
    try await cluster.killFunction(node)
    try await cluster.killSidecar(node)
    try cluster.startSidecar(node)
    let sidecar = try #require(node.sidecar)
    try await sidecar.waitForLine(containing: "does not answer discovery yet")
    try cluster.startFunction(node)
    try await cluster.waitUntilReady(node)
    #expect(try await add(to: cluster).status == .code(0))
  }

  // MARK: Requests

  @Test("Bad requests get the right status and harm nobody")
  func badRequests() async throws {
    let cluster = try await TestCluster(nodes: 1)
    let table: [(arguments: [String], status: Int32, text: String)] = [
      (["ShoppingCart/Nothing", "{}"], 5, "AddItem"),
      (["ShopingCart/AddItem", "{}"], 5, "ShoppingCart"),
      (["ShoppingCart/GetCart", "{}"], 2, "empty"),
      (["ShoppingCart/GetCart", #"{"useId":"x"}"#], 2, "userId"),
      (["ShoppingCart/GetCart", "{"], 2, "error"),
    ]
    for row in table {
      let result = try await runTool("cs-send", ["-s", cluster.servers] + row.arguments)
      #expect(result.status == .code(row.status), "\(row.arguments): \(result.talk)")
      #expect(result.talk.contains(row.text), "\(row.arguments): \(result.talk)")
    }
    #expect(try await add(to: cluster).status == .code(0))
  }

  @Test("A message beyond the limit is refused with both sizes")
  func oversizedMessage() async throws {
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--max-message-bytes", "100000"])
    let file = "\(cluster.folder.path)/big.json"
    let name = String(repeating: "x", count: 200_000)
    try #"{"userId":"u","productId":"p","name":"\#(name)","quantity":1}"#
      .write(toFile: file, atomically: true, encoding: .utf8)
    let result = try await runTool(
      "cs-send", ["-s", cluster.servers, "ShoppingCart/AddItem", "@\(file)"])
    #expect(result.status != .code(0))
    #expect(result.talk.contains("100000"), "\(result.talk)")
    #expect(try await add(to: cluster).status == .code(0))
  }

  @Test("Garbage on every port harms nobody")
  func garbage() async throws {
    let seed = testSeed("garbage")
    var random = SeededGenerator(seed: seed)
    let cluster = try await TestCluster(nodes: 2)
    let ports = try cluster.listeningPorts()
    #expect(ports.count >= 5, "found only \(ports)")
    for port in ports {
      for round in 0..<20 {
        var bytes = (0..<Int.random(in: 1...4000, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
        if round % 4 == 1 { bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + bytes }
        if round % 4 == 2 { bytes = Array("GET / HTTP/1.1\r\nhost: x\r\n\r\n".utf8) }
        if round % 4 == 3 { bytes = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0] + bytes }
        try sendRaw(bytes, toPort: port)
      }
    }
    for node in cluster.nodes {
      #expect(node.sidecar?.exitIfEnded() == nil, "seed \(seed)")
    }
    #expect(cluster.coordinator?.exitIfEnded() == nil, "seed \(seed)")
    for user in 0..<6 {
      #expect(try await add(to: cluster, user: "u\(user)").status == .code(0), "seed \(seed)")
    }
  }

  private func add(to cluster: TestCluster, user: String = "ok") async throws -> ProgramResult {
    try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "ShoppingCart/AddItem",
        #"{"userId":"\#(user)","productId":"tea","name":"Tea","quantity":1}"#,
      ])
  }
}
