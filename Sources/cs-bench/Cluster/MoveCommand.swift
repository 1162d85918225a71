import ArgumentParser
import CloudstateModel
import CommandLineKit
import NIOCore
import NIOPosix

/// What clients notice while shards move: three nodes become five and then two, under half of the load that three can
/// take.
struct MoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "move",
    abstract: "Nodes join and leave under load: errors, pauses by shard, bytes moved.",
    discussion: """
      EXAMPLES
        cs-bench move
        cs-bench move --rounds 5
        cs-bench move --replication 2 --shards 64 -o json
      """)

  @Option(help: "Shards of the service.") var shards = 64
  @Option(help: "Copies of each shard.") var replication = 1
  @Option(help: "Commands per second; default: half of what the nodes were seen to take.")
  var rate: Double?
  @Option(help: "How many of a hundred commands read; the others store an event.") var reads = 50
  @Option(help: "How many carts the commands go to.") var carts = 2000
  @Option(
    help: "How often all is done, with empty databases; more give a 99th percentile of more shards."
  )
  var rounds = 1
  @Option(help: "Folder for the databases; default: a temporary one here.") var data: String?
  @Option(name: .shortAndLong, help: "text or json (one object a line).")
  var output = OutputFormat.text

  func validate() throws {
    guard (1...1024).contains(shards), (1...2).contains(replication), carts > 0 else {
      throw ValidationError("--shards takes 1 to 1024, --replication 1 or 2 (two nodes remain)")
    }
    guard (0...100).contains(reads), (1...100).contains(rounds) else {
      throw ValidationError("--reads takes 0 to 100, --rounds 1 to 100")
    }
  }

  func run() async throws {
    let folder = try BenchFolder(path: data)
    defer { folder.remove() }
    if output == .text { print(MovePhase.header) }
    // Over all rounds, and over those in which the disk did not stand still by itself.
    var (all, calm): ([MovePhase], [MovePhase]) = ([], [])
    func add(_ phase: MovePhase, to phases: inout [MovePhase]) {
      if let index = phases.firstIndex(where: { $0.name == phase.name }) {
        phases[index].add(phase)
      } else {
        phases.append(phase)
      }
    }
    for round in 1...rounds {
      let own = try BenchFolder(path: "\(folder.path)/round-\(round)")
      defer { own.remove() }
      for phase in try await self.round(in: own.path) {
        add(phase, to: &all)
        if phase.isCalm { add(phase, to: &calm) }
      }
    }
    for phase in all where phase.rounds > 1 { show(phase) }
    for phase in calm where phase.rounds > 1 && phase.rounds < rounds { show(phase) }
  }

  /// Begins with empty databases; answers what was seen, which it has shown.
  private func round(in folder: String) async throws -> [MovePhase] {
    let watch = SyncWatch(folder: folder)
    let phases: [MovePhase]
    do {
      phases = try await round(in: folder, watch: watch)
    } catch {
      try await watch.end()
      throw error
    }
    try await watch.end()
    return phases
  }

  private func round(in folder: String, watch: SyncWatch) async throws -> [MovePhase] {
    let cluster = try await BenchCluster(
      folder: folder, nodes: 3, shards: shards, replication: replication)
    defer { cluster.stop() }
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let mix = CartMix(carts: carts, shards: UInt32(shards), readPercent: reads)
    var (perSecond, before) = (rate ?? 0, 0)
    if rate == nil {
      let capacity = try await UnaryLoad.run(
        name: "", target: cluster.addresses[0], inFlight: 64, warmUp: .seconds(1),
        duration: .seconds(3), on: eventLoop, makeCall: mix.call)
      (perSecond, before) = (capacity.perSecond / 2, capacity.total)
    }
    let load = try await eventLoop.submit { [before] in
      NIOLoopBound(
        MoveLoad(eventLoop: eventLoop, mix: mix, before: before), eventLoop: eventLoop)
    }.get()
    let addresses = cluster.addresses
    try await eventLoop.submit { [perSecond] in
      load.value.use(addresses)
      load.value.start(perSecond: perSecond)
    }.get()
    var phases: [MovePhase] = []
    func phase(_ name: String, _ change: () async throws -> Void) async throws {
      let known = Set(try await cluster.rebalances().map(\.id))
      _ = try await eventLoop.submit { load.value.take() }.get()
      _ = watch.take()
      let start = ContinuousClock.now
      try await change()
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let seen = try await eventLoop.submit { load.value.take() }.get()
      let steps = try await cluster.rebalances().filter { !known.contains($0.id) }.flatMap(\.steps)
      let phase = MovePhase(
        name: name, seconds: seconds, seen: seen, steps: steps, stall: watch.take())
      show(phase)
      if let error = seen.firstError { Console().warning("first error: \(error)") }
      phases.append(phase)
    }
    // Without moves, as a measure for the waits with them: more nodes on one machine share its processors and its disk.
    func rest(_ nodes: String) async throws {
      try await phase("\(nodes) at rest") { try await Task.sleep(for: .seconds(3)) }
    }
    try await rest("three nodes")
    try await phase("three nodes to five") {
      try await cluster.add("bench-4")
      try await cluster.add("bench-5")
      try await cluster.waitUntilBalanced()
    }
    try await rest("five nodes")
    let leaving = ["bench-5", "bench-4", "bench-3"]
    try await phase("five nodes to two") {
      for name in leaving { try await cluster.drain(name) }
      try await cluster.waitUntilBalanced(drained: Set(leaving))
    }
    try await rest("two nodes")
    try await eventLoop.submit { load.value.stop() }.get()
    return phases
  }

  private func show(_ phase: MovePhase) {
    print(output == .text ? phase.row : phase.json)
  }
}
