import ArgumentParser
import CloudstateModel
import CommandLineKit
import NIOCore
import NIOPosix

/// What clients notice while shards move: three nodes become five and then two, under half of the load they can take.
struct MoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "move",
    abstract: "Nodes join and leave under load: errors, pauses by shard, bytes moved.",
    discussion: """
      EXAMPLES
        cs-bench move
        cs-bench move --replication 2 --shards 64 -o json
      """)

  @Option(help: "Shards of the service.") var shards = 64
  @Option(help: "Copies of each shard.") var replication = 1
  @Option(help: "Commands per second; default: half of what the nodes were seen to take.")
  var rate: Double?
  @Option(help: "How many carts the commands go to.") var carts = 2000
  @Option(help: "Folder for the databases; default: a temporary one here.") var data: String?
  @Option(name: .shortAndLong, help: "text or json (one object a line).")
  var output = OutputFormat.text

  func validate() throws {
    guard (1...1024).contains(shards), (1...2).contains(replication), carts > 0 else {
      throw ValidationError("--shards takes 1 to 1024, --replication 1 or 2 (two nodes remain)")
    }
  }

  func run() async throws {
    let folder = try BenchFolder(path: data)
    defer { folder.remove() }
    let cluster = try await BenchCluster(
      folder: folder.path, nodes: 3, shards: shards, replication: replication)
    defer { cluster.stop() }
    var perSecond = rate ?? 0
    if rate == nil {
      let capacity = try await LoadCommand.measure(
        .durableEvents, name: "", target: cluster.addresses[0], inFlight: 64, seconds: 3,
        carts: carts)
      perSecond = capacity.perSecond / 2
    }
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let (count, users) = (UInt32(shards), carts)
    let load = try await eventLoop.submit {
      NIOLoopBound(
        MoveLoad(eventLoop: eventLoop, shards: count, carts: users), eventLoop: eventLoop)
    }.get()
    let addresses = cluster.addresses
    try await eventLoop.submit { [perSecond] in
      load.value.use(addresses)
      load.value.start(perSecond: perSecond)
    }.get()
    if output == .text { print(Phase.header) }
    func phase(_ name: String, _ change: () async throws -> Void) async throws {
      let known = Set(try await cluster.rebalances().map(\.id))
      _ = try await eventLoop.submit { load.value.take() }.get()
      let start = ContinuousClock.now
      try await change()
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let seen = try await eventLoop.submit { load.value.take() }.get()
      let steps = try await cluster.rebalances().filter { !known.contains($0.id) }.flatMap(\.steps)
      let phase = Phase(name: name, seconds: seconds, seen: seen, steps: steps)
      print(output == .text ? phase.row : phase.json)
      if let error = seen.firstError { Console().warning("first error: \(error)") }
    }
    try await phase("no move") { try await Task.sleep(for: .seconds(5)) }
    try await phase("three nodes to five") {
      try await cluster.add("bench-4")
      try await cluster.add("bench-5")
      try await cluster.waitUntilBalanced()
    }
    let leaving = ["bench-5", "bench-4", "bench-3"]
    try await phase("five nodes to two") {
      for name in leaving { try await cluster.drain(name) }
      try await cluster.waitUntilBalanced(drained: Set(leaving))
    }
    try await eventLoop.submit { load.value.stop() }.get()
  }
}

/// What was seen while one thing happened.
private struct Phase {
  let name: String
  let seconds: Double
  let seen: MoveLoad.Result
  let steps: [StepDocument]

  static let header =
    "phase                 seconds  commands  errors  moves    bytes  p50 ms  p99 ms  shard wait p50/p99/max ms  fence p99 ms"

  private var moved: [StepDocument] { steps.filter { $0.action == "move" && $0.state == "done" } }
  private var bytes: UInt64 { steps.reduce(0) { $0 + ($1.bytes ?? 0) } }

  /// The longest wait of each shard that moved, or of all where none did.
  private var waits: [Double] {
    let indexes = Set(
      moved.compactMap { $0.shard.split(separator: "/").last.flatMap { UInt32($0) } })
    return seen.longest.filter { indexes.isEmpty || indexes.contains($0.key) }
      .map { Double($0.value) / 1e6 }.sorted()
  }

  private var fences: [Double] { moved.compactMap(\.pauseMilliseconds).sorted() }
  private var latencies: [Double] { seen.latencies.map { Double($0) / 1e6 }.sorted() }

  private func at(_ fraction: Double, _ values: [Double]) -> Double {
    values.isEmpty ? 0 : values[min(values.count - 1, Int(Double(values.count) * fraction))]
  }

  var row: String {
    func text(_ value: Double) -> String { value.threeDecimals }
    let cells = [
      name.padding(22), text(seconds), "\(seen.commands)", "\(seen.errors)", "\(moved.count)",
      "\(bytes)", text(at(0.5, latencies)), text(at(0.99, latencies)),
      "\(text(at(0.5, waits)))/\(text(at(0.99, waits)))/\(text(waits.last ?? 0))",
      text(at(0.99, fences)),
    ]
    return cells.joined(separator: "  ")
  }

  var json: String {
    "{\"phase\":\"\(name)\",\"seconds\":\(seconds.threeDecimals),\"commands\":\(seen.commands),"
      + "\"errors\":\(seen.errors),\"moves\":\(moved.count),\"bytes\":\(bytes),"
      + "\"p50Milliseconds\":\(at(0.5, latencies).threeDecimals),"
      + "\"p99Milliseconds\":\(at(0.99, latencies).threeDecimals),"
      + "\"shardWaitP50Milliseconds\":\(at(0.5, waits).threeDecimals),"
      + "\"shardWaitP99Milliseconds\":\(at(0.99, waits).threeDecimals),"
      + "\"shardWaitMaxMilliseconds\":\((waits.last ?? 0).threeDecimals),"
      + "\"fenceP99Milliseconds\":\(at(0.99, fences).threeDecimals)}"
  }
}

extension String {
  fileprivate func padding(_ width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
