import Foundation
import TestSupport
import Testing

/// Methods that consume events, with a user function in Python that knows nothing of this project but the
/// protocol.
@Suite(.serialized, .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct EventConsumptionTests {
  private static let folder = "\(repositoryFolder)/Tests/EndToEndTests/Kinds"
  private let stubs: TemporaryDirectory

  init() async throws {
    stubs = try TemporaryDirectory()
    let made = try await runProgram(
      try #require(pythonInterpreter),
      [
        "\(Self.folder)/kinds_stubs.py", "\(repositoryFolder)/Sources/CloudstateProtocol/Protos",
        stubs.path,
      ])
    try #require(made.status == .code(0), "\(made.talk)")
  }

  private func cluster(nodes: Int, arguments: [String] = []) async throws -> TestCluster {
    try await TestCluster(
      nodes: nodes,
      function: .events(interpreter: try #require(pythonInterpreter), stubs: stubs.path), shards: 8,
      nodeArguments: arguments)
  }

  @Test(
    "Every shape of method is handed every event, in the order of its entity, with its attributes")
  func shapes() async throws {
    let cluster = try await cluster(nodes: 2)
    let ids = ["a", "b", "c", "d", "e|f"]
    for id in ids {
      try await send(cluster, "Source/Emit", id: id, count: 3)
      try await send(cluster, "Source/Emit", id: id, count: 2)
    }
    for id in ids {
      for words in ["seen", "out", "out-end", "in"] {
        try await eventually("\(id) is \(words)") {
          said(cluster, "\(words) \(id) ") == (1...5).map(String.init)
        }
      }
      try await eventually("\(id) is counted") {
        said(cluster, "count \(id) ") == (1...5).map { "\($0) \(id) source 1.0" }
      }
      #expect(try await read(cluster, "Counter", id) == "1,2,3,4,5")
      try await eventually("forwards of \(id) have arrived") {
        try await read(cluster, "Tally", id) == "1,2,3,4,5"
      }
    }
  }

  @Test("Changes of values are events: messages, JSON, and an empty message for a deletion")
  func values() async throws {
    let cluster = try await cluster(nodes: 1)
    for text in ["first", #"JSON:{\"a\":1}"#, "last"] {
      try await send(cluster, "Values/Set", id: "v", text: text)
    }
    try await send(cluster, "Values/Delete", id: "v")
    let message = "type.googleapis.com/events.Text"
    let any = "application/vnd.cloudstate.protobuf.any"
    try await eventually("the changes are handed over") {
      said(cluster, "changed v ") == [
        "\(message) first \(message) \(any)",
        #"json.cloudstate.io/thing {"a":1} json.cloudstate.io/thing \#(any)"#,
        "\(message) last \(message) \(any)",
      ] && said(cluster, "deleted v ") == ["type.googleapis.com/google.protobuf.Empty"]
    }
  }

  @Test("Refused events come again until they are taken; poison ends as a dead letter")
  func failures() async throws {
    let cluster = try await cluster(
      nodes: 1,
      arguments: [
        "--event-retry-delay", "20ms", "--event-max-retry-delay", "50ms", "--event-attempts", "4",
      ])
    for text in ["refuse", "poison", "well"] {
      try await send(cluster, "Source/Emit", id: "a", text: text)
    }
    try await eventually("what can be taken is taken") {
      let counted = try await read(cluster, "Counter", "a")
      let forwarded = try await read(cluster, "Tally", "a")
      return counted == "1,2,3" && forwarded == "1,3"
    }
    #expect(said(cluster, "seen a ") == ["1", "1", "1", "2", "2", "2", "2", "3"])
    #expect(said(cluster, "count a ").map { $0.first } == ["1", "1", "1", "2", "3"])
    let log = cluster.nodes[0].sidecar?.output(.standardError) ?? ""
    #expect(log.contains("dead letter, event"), "\(log)")
    #expect(log.contains("number 2 of entity a"), "\(log)")
    #expect(log.contains("it makes me ill"), "\(log)")
  }

  @Test("With the policy stop a shard is consumed no further, until the node is started again")
  func halted() async throws {
    let cluster = try await cluster(
      nodes: 1, arguments: ["--event-attempts", "1", "--event-poison", "stop"])
    try await send(cluster, "Source/Emit", id: "a", text: "poison")
    try await send(cluster, "Source/Emit", id: "a", text: "well")
    try await eventually("the consumer halts") {
      (cluster.nodes[0].sidecar?.output(.standardError) ?? "").contains("HALTED")
    }
    try await eventually("other consumers go on") {
      try await read(cluster, "Counter", "a") == "1,2"
    }
    #expect(said(cluster, "seen a ") == ["1"])
    try await cluster.killSidecar(cluster.nodes[0])
    try cluster.startSidecar(cluster.nodes[0])
    try await cluster.waitUntilReady(cluster.nodes[0])
    try await eventually("it tries again") { said(cluster, "seen a ") == ["1", "1"] }
    #expect(try await read(cluster, "Tally", "a") == "")
  }

  @Test("Kills of nodes and functions lose no event, and repeat none in effect at an entity")
  func kills() async throws {
    var random = SeededGenerator(seed: testSeed("event kills"))
    let cluster = try await cluster(
      nodes: 2, arguments: ["--event-retry-delay", "50ms", "--event-max-retry-delay", "500ms"])
    let sender = try TestProcess(
      builtProduct("cs-send"),
      [
        "-s", cluster.servers, "Source/Emit", #"{"id":"e{{random 1 12}}","count":2}"#,
        "--template", "--retry", "--auto-key", "--timeout", "60s", "--duration", "10s", "--rate",
        "50", "--concurrency", "8",
      ])
    for round in 0..<8 {
      // Random moments are the point here; nothing waits for this time to pass.
      try await Task.sleep(for: .milliseconds(Int.random(in: 100...900, using: &random)))
      let node = cluster.nodes[Int.random(in: 0..<2, using: &random)]
      if round % 4 == 3 {
        try await cluster.killFunction(node)
        try cluster.startFunction(node)
      } else {
        try await cluster.killSidecar(node)
        try cluster.startSidecar(node)
        try await cluster.waitUntilReady(node)
      }
    }
    let status = try await sender.waitForExit(within: .seconds(120))
    #expect(status == .code(0), "\(sender.output(.standardError).suffix(3000))")

    var events = 0
    for number in 1...12 {
      let id = "e\(number)"
      let emitted = try await emitted(cluster, id)
      events += emitted
      let all = emitted == 0 ? "" : (1...emitted).map(String.init).joined(separator: ",")
      for service in ["Counter", "Tally"] {
        try await eventually("\(service) of \(id) has all", within: .seconds(60)) {
          try await read(cluster, service, id) == all
        }
      }
    }
    #expect(events > 100, "only \(events) events")
  }

  @Test("A function that wants topics is refused in words")
  func topics() async throws {
    // The options are read from descriptors, so changed descriptors are enough.
    let path = "\(stubs.path)/events.binpb"
    var descriptors = try Data(contentsOf: URL(fileURLWithPath: path))
    // `event_log: "values"` and `topic: "values"` differ in the number of the field.
    let log = Data([0x1a, 6]) + Data("values".utf8)
    let found = try #require(descriptors.range(of: log))
    descriptors[found.lowerBound] = 0x12
    try descriptors.write(to: URL(fileURLWithPath: path))
    let port = try freePort()
    let function = try TestProcess(
      try #require(pythonInterpreter), ["\(Self.folder)/events_function.py", stubs.path, "\(port)"])
    let data = try TemporaryDirectory()
    let result = try await runTool(
      "cs-node",
      [
        "--service", "cart", "--function", "127.0.0.1:\(port)", "--listen", "127.0.0.1:0", "--data",
        "\(data.path)/n",
      ])
    #expect(result.status == .code(1))
    #expect(
      result.talk.contains("declares an event source topic of [values], but no topic support"),
      "\(result.talk)")
    try await eventually("the function hears of it") {
      function.output(.standardOutput).contains("reported")
    }
  }

  // MARK: Helpers

  private func send(
    _ cluster: TestCluster, _ method: String, id: String, text: String = "", count: Int = 1
  ) async throws {
    let result = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "events.\(method)",
        #"{"id":"\#(id)","text":"\#(text)","count":\#(count)}"#,
      ])
    #expect(result.status == .code(0), "\(result.talk)")
  }

  private func read(_ cluster: TestCluster, _ service: String, _ id: String) async throws -> String
  {
    let result = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "--retry", "events.\(service)/Read", #"{"id":"\#(id)"}"#, "--raw",
      ])
    let reply =
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    return reply?["text"] as? String ?? ""
  }

  /// The events in the journal of a source.
  private func emitted(_ cluster: TestCluster, _ id: String) async throws -> Int {
    let tail = try await runTool(
      "cs-tail",
      ["-s", cluster.servers, "cs.evt.cart.source.\(id).>", "--all", "--end", "-o", "jsonl"])
    return tail.output.split(separator: "\n").count
  }

  /// The lines of all functions that begin with these words, without them.
  private func said(_ cluster: TestCluster, _ words: String) -> [String] {
    cluster.nodes.flatMap { node in
      (node.function?.output(.standardOutput) ?? "").split(separator: "\n")
        .filter { $0.hasPrefix(words) }.map { String($0.dropFirst(words.count)) }
    }
  }
}
