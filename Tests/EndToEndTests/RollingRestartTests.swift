import Foundation
import TestSupport
import Testing

/// Nodes that are told to stop while clients work.
@Suite(.serialized) struct RollingRestartTests {
  private struct Report: Decodable {
    let acknowledged: [String: [String]]
    let failures: [String]
    let retries: [String: [String: Int]]
  }

  @Test(
    "Each node is restarted in turn, and no client that retries sees a failure",
    arguments: [false, true])
  func rolling(isEncrypted: Bool) async throws {
    let python = try #require(pythonInterpreter, "set CS_PYTHON: see Scripts/test")
    let folder = try TemporaryDirectory()
    var key: [String] = []
    if isEncrypted {
      key = ["--bus-key", "\(folder.path)/bus.key"]
      #expect(try await runTool("cs-admin", ["keys", "bus", key[1]]).status == .code(0))
    }
    let cluster = try await TestCluster(
      nodeArguments: key, coordinatorArguments: key, hasManagement: true)
    let (report, stop) = ("\(folder.path)/report", "\(folder.path)/stop")
    let tail = try TestProcess(
      builtProduct("cs-tail"), ["-s", cluster.servers, "--all", "-o", "jsonl"])
    let client = try TestProcess(
      python,
      ["\(repositoryFolder)/Tests/EndToEndTests/Clients/restart_client.py", report, stop]
        + cluster.nodes.map(\.address))
    try await client.waitForLine(containing: "working", in: .standardOutput, within: .seconds(30))
    for node in cluster.nodes {
      // The tail shows that work goes on.
      let count = lineCount(tail)
      try await eventually("work goes on", within: .seconds(30)) { lineCount(tail) > count + 100 }
      try await cluster.stopSidecar(node)
      try cluster.startSidecar(node)
      try await cluster.waitUntilReady(node)
      let ready = try await management(node, "/ready")
      #expect(ready.status == 200, "\(ready.body)")
    }
    try "".write(toFile: stop, atomically: true, encoding: .utf8)
    #expect(try await client.waitForExit(within: .seconds(90)) == .code(0))
    let result = try JSONDecoder().decode(
      Report.self, from: try Data(contentsOf: URL(fileURLWithPath: report)))
    #expect(
      result.failures.isEmpty,
      "\(result.failures.count): \(result.failures.prefix(10).joined(separator: "\n"))")
    print("acknowledged \(result.acknowledged.mapValues(\.count)), retries \(result.retries)")
    #expect(result.acknowledged.count == 4)

    let events = try await cluster.allEvents()
    let products = events.map(\.product)
    #expect(products.count == Set(products).count, "a command's event is in the journal twice")
    let acknowledged = Set(result.acknowledged.values.flatMap(\.self))
    #expect(acknowledged.count > 300)
    #expect(Set(products) == acknowledged, "what was acknowledged is there, and nothing else")
    try await eventually("the tail has every event once", within: .seconds(30)) {
      lineCount(tail) == events.count
    }
    let tailed = tail.output(.standardOutput).split(separator: "\n").compactMap {
      (try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        .flatMap(TailedEvent.init)
    }
    #expect(Set(tailed) == Set(events))
  }

  private func lineCount(_ process: TestProcess) -> Int {
    process.output(.standardOutput).utf8.count { $0 == UInt8(ascii: "\n") }
  }

  private func management(
    _ node: TestCluster.Node, _ path: String
  ) async throws -> (status: Int, body: String) {
    let result = try await runProgram(
      "/usr/bin/curl", ["-s", "-w", "\n%{http_code}", "http://\(node.managementAddress)\(path)"])
    let end = result.output.lastIndex(of: "\n") ?? result.output.startIndex
    return (Int(result.output[end...].dropFirst()) ?? 0, String(result.output[..<end]))
  }

  private func add(_ product: String) -> [String] {
    [
      "ShoppingCart/AddItem",
      #"{"userId":"u","productId":"\#(product)","name":"Tea","quantity":1}"#,
    ]
  }

  /// A command over HTTP/1 that the node has begun to read and will not answer, because the function stands still.
  private func slowCommand(_ cluster: TestCluster) async throws -> RawConnection {
    let warm = try await runTool("cs-send", ["-s", cluster.servers] + add("warm"))
    #expect(warm.status == .code(0), "\(warm.talk)")
    cluster.nodes[0].function?.signal(SIGSTOP)
    let connection = try RawConnection(port: cluster.nodes[0].port)
    let body = #"{"productId":"slow","name":"Tea","quantity":1}"#
    connection.send(
      "POST /cart/u/items/add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        + "content-length: \(body.utf8.count)\r\nexpect: 100-continue\r\n\r\n")
    // The node has read the head: from here on the request is in flight.
    #expect(connection.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
    connection.send(body)
    return connection
  }

  @Test("A node told to stop is not ready, takes no connection, and finishes what is in flight")
  func inFlight() async throws {
    let cluster = try await TestCluster(nodes: 1, hasManagement: true)
    let node = cluster.nodes[0]
    // One kept open, without a request under way, and one on which nothing was ever said.
    let (idle, silent) = (try RawConnection(port: node.port), try RawConnection(port: node.port))
    defer {
      idle.close()
      silent.close()
    }
    idle.send("GET /carts/u HTTP/1.1\r\nhost: x\r\n\r\n")
    #expect(idle.read(until: "}").hasPrefix("HTTP/1.1 200"))
    let busy = try await slowCommand(cluster)
    defer { busy.close() }
    node.sidecar?.signal(SIGTERM)
    try await eventually("not ready") {
      try await management(node, "/ready") == (503, "not ready: stopping\n")
    }
    #expect(try await management(node, "/alive").status == 200)
    try await eventually("no new connections") {
      do {
        try RawConnection(port: node.port).close()
        return false
      } catch {
        return true
      }
    }
    #expect(idle.readToEnd() == "", "an idle connection is closed")
    #expect(silent.readToEnd() == "", "a silent connection is closed")
    #expect(node.sidecar?.exitIfEnded() == nil, "it waits for what is in flight")
    node.function?.signal(SIGCONT)
    let answer = busy.readToEnd()
    #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
    #expect(answer.lowercased().contains("connection: close"), "\(answer)")
    #expect(try await node.sidecar?.waitForExit(within: .seconds(20)) == .code(0))
    try cluster.startSidecar(node)
    try await cluster.waitUntilReady(node)
    #expect(try await cluster.allEvents().map(\.product) == ["warm", "slow"])
  }

  @Test("What is in flight longer than the grace is cut off, and the node ends")
  func graceEnds() async throws {
    let cluster = try await TestCluster(
      nodes: 1, nodeArguments: ["--shutdown-grace", "500ms"], hasManagement: true)
    let node = cluster.nodes[0]
    let busy = try await slowCommand(cluster)
    defer { busy.close() }
    node.sidecar?.signal(SIGTERM)
    #expect(try await node.sidecar?.waitForExit(within: .seconds(20)) == .code(0))
    #expect(!busy.readToEnd().hasPrefix("HTTP/1.1 200"))
  }

  @Test("With a drain delay a node that is not ready goes on serving for that time")
  func drainDelay() async throws {
    let cluster = try await TestCluster(
      nodes: 1, nodeArguments: ["--drain-delay", "3s"], hasManagement: true)
    let node = cluster.nodes[0]
    let begin = ContinuousClock.now
    node.sidecar?.signal(SIGTERM)
    try await eventually("not ready") { try await management(node, "/ready").status == 503 }
    let send = try await runTool("cs-send", ["-s", cluster.servers] + add("late"))
    #expect(send.status == .code(0), "new connections are served: \(send.talk)")
    #expect(try await node.sidecar?.waitForExit(within: .seconds(30)) == .code(0))
    #expect(ContinuousClock.now - begin >= .seconds(3))
  }

  @Test("Commands for a node that is away wait, and then say that they were not started")
  func ownerAway() async throws {
    let cluster = try await TestCluster(nodes: 2, nodeArguments: ["--owner-timeout", "2s"])
    try await cluster.stopSidecar(cluster.nodes[1])
    var codes: Set<String> = []
    for user in 0..<8 {
      let begin = ContinuousClock.now
      let result = try await runTool(
        "cs-send",
        [
          "-s", cluster.nodes[0].address, "ShoppingCart/AddItem", "-o", "json", "--timeout", "20s",
          #"{"userId":"u\#(user)","productId":"tea","name":"Tea","quantity":1}"#,
        ])
      if result.status == .code(0) { continue }
      #expect(ContinuousClock.now - begin >= .seconds(2))
      let isClear = result.talk.contains("UNAVAILABLE") && result.talk.contains("nothing was sent")
      codes.insert(isClear ? "not started" : result.talk)
    }
    #expect(codes == ["not started"])
  }
}
