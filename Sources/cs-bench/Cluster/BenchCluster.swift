import CloudstateModel
import CommandLineKit
import FoundationEssentials
import GRPCTransport
import Glibc

/// A coordinator and nodes with the shopping cart inside, all processes of this machine.
final class BenchCluster {
  struct Node {
    let name: String
    let process: BenchProcess
  }

  private let folder: String
  private let shards: Int
  private let replication: Int
  private let bus: String
  private let admin: String
  private let coordinator: BenchProcess
  private(set) var nodes: [Node] = []

  /// Starts everything and waits until each node is ready.
  init(folder: String, nodes count: Int, shards: Int, replication: Int) async throws {
    self.folder = folder
    self.shards = shards
    self.replication = replication
    bus = "tcp://127.0.0.1:\(try freePort())"
    admin = "127.0.0.1:\(try freePort())"
    coordinator = try await BenchProcess.start(
      "cs-coordinator",
      [
        "--bus", bus, "--data", "\(folder)/coordinator", "--expect", "bench=\(count)", "--admin",
        admin, "--rebalance-delay", "500ms", "--stop-with-parent", "--log-level", "error",
      ])
    do {
      let folder = self.folder
      // All at once: none is ready before the last has joined.
      var starting: [(String, BenchProcess, String)] = []
      for number in 1...count {
        let name = "bench-\(number)"
        let ready = "\(folder)/\(name).json"
        starting.append((name, try await start(name, ready), ready))
      }
      for (name, process, ready) in starting {
        nodes.append(Node(name: name, process: try await process.ready(ready, name)))
      }
    } catch {
      stop()
      throw error
    }
  }

  var addresses: [GRPCAddress] { nodes.map(\.process.address) }

  /// Starts another node and waits until it is ready.
  func add(_ name: String) async throws {
    let ready = "\(folder)/\(name).json"
    let process = try await start(name, ready)
    nodes.append(Node(name: name, process: try await process.ready(ready, name)))
  }

  private func start(_ name: String, _ ready: String) async throws -> BenchProcess {
    unlink(ready)
    return try await BenchProcess.start(
      "shopping-cart-node",
      [
        "--service", "bench", "--node-id", name, "--listen", "127.0.0.1:0", "--coordinator", bus,
        "--data", "\(folder)/\(name)", "--shards", "\(shards)", "--replication", "\(replication)",
        "--ready-file", ready, "--stop-with-parent", "--log-level", "error",
      ])
  }

  /// Ends a node that has nothing any more.
  func remove(_ name: String) {
    guard let index = nodes.firstIndex(where: { $0.name == name }) else { return }
    nodes.remove(at: index).process.stop()
  }

  func stop() {
    for node in nodes { node.process.stop() }
    nodes = []
    coordinator.stop()
  }

  // MARK: The coordinator

  func drain(_ name: String) async throws {
    _ = try await ask("drain/\(name)", method: "POST")
  }

  func members() async throws -> [NodeDocument] {
    try JSONDecoder().decode(NodesDocument.self, from: try await ask("nodes")).nodes
  }

  func rebalances() async throws -> [RebalanceDocument] {
    try JSONDecoder().decode(PlanHistoryDocument.self, from: try await ask("plan/history"))
      .rebalances
  }

  /// Waits until the shards are where they should be and nothing moves.
  func waitUntilBalanced(drained: Set<String> = []) async throws {
    // Seldom: each question starts a process, on the processors that the nodes share.
    for _ in 0..<240 {
      try await Task.sleep(for: .milliseconds(250))
      let status = try JSONDecoder().decode(StatusDocument.self, from: try await ask("status"))
      guard status.moves == 0 else { continue }
      let members = try await members().filter { $0.liveness == "alive" }
      let held = members.filter { drained.contains($0.node) }.map { $0.primaries + $0.replicas }
      let shares = members.filter { !drained.contains($0.node) }.map(\.primaries)
      guard held.allSatisfy({ $0 == 0 }), shares.reduce(0, +) == shards,
        shares.allSatisfy({ $0 > 0 }), try await rebalances().allSatisfy({ $0.state == "done" })
      else { continue }
      return
    }
    throw ProgramError("the shards did not come to rest within 60 s", status: .unreachable)
  }

  private func ask(_ path: String, method: String = "GET") async throws -> Data {
    let file = "\(folder)/answer.json"
    let curl = try await BenchProcess.start(
      "/usr/bin/curl",
      ["-s", "-S", "--fail-with-body", "-X", method, "-o", file, "http://\(admin)/\(path)"])
    guard curl.waitForExit() == 0 else {
      throw ProgramError("the coordinator does not answer \(path)", status: .unreachable)
    }
    return Data(try readFile(file).utf8)
  }
}
