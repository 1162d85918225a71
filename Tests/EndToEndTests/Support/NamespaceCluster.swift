import Foundation
import TestSupport
import Testing

/// A coordinator and nodes of the embedded shopping cart, each on a machine of its own as far as the
/// network goes, see ``NetworkNamespaces``.
final class NamespaceCluster {
  final class Node {
    let member: NetworkNamespaces.Member
    fileprivate(set) var process: TestProcess?

    fileprivate init(member: NetworkNamespaces.Member) { self.member = member }

    var name: String { member.name }
    /// Where clients reach it from beside the bridge.
    var address: String { "\(member.address):9000" }
    var managementAddress: String { "\(member.address):9100" }
    /// What it said so far.
    var talk: String { process?.output(.standardError) ?? "" }
  }

  let folder: TemporaryDirectory
  let network: NetworkNamespaces
  let coordinatorMember: NetworkNamespaces.Member
  let nodes: [Node]
  private let shards: Int
  private let nodeArguments: [String]
  private let coordinatorArguments: [String]
  private let disk: LossyDisk?
  private(set) var coordinator: TestProcess?

  /// Starts everything and waits until each node is ready.
  ///
  /// - Parameters:
  ///   - nodeArguments: more flags of every node, such as `--replication`.
  ///   - disk: where the databases of the nodes lie, if not on the disk of this machine.
  init(
    nodes count: Int = 3, shards: Int = 12, nodeArguments: [String] = [],
    coordinatorArguments: [String] = [], disk: LossyDisk? = nil
  ) async throws {
    folder = try TemporaryDirectory()
    let network = try await NetworkNamespaces()
    self.network = network
    coordinatorMember = try await network.add("coordinator")
    var nodes: [Node] = []
    for number in 1...count { nodes.append(Node(member: try await network.add("cart-\(number)"))) }
    self.nodes = nodes
    self.shards = shards
    self.nodeArguments = nodeArguments
    self.coordinatorArguments = coordinatorArguments
    self.disk = disk
    try startCoordinator()
    for node in nodes { try start(node) }
    for node in nodes { try await waitUntilReady(node) }
  }

  /// The addresses of all nodes, for `--server`.
  var servers: String { nodes.map(\.address).joined(separator: ",") }

  func startCoordinator() throws {
    coordinator = try network.start(
      in: coordinatorMember, builtProduct("cs-coordinator"),
      [
        "--bus", "tcp://\(coordinatorMember.address):5100", "--bus-publish",
        "tcp://\(coordinatorMember.address):*", "--data", "\(folder.path)/coordinator",
        "--expect", "cart=\(nodes.count)", "--log-level", "info",
      ] + coordinatorArguments)
  }

  func killCoordinator() async throws {
    coordinator?.signal(SIGKILL)
    try await coordinator?.waitForExit()
    coordinator = nil
  }

  func start(_ node: Node) throws {
    unlink(readyFile(of: node))
    let bus = "tcp://\(node.member.address):*"
    node.process = try network.start(
      in: node.member, builtProduct("shopping-cart-node"),
      [
        "--service", "cart", "--node-id", node.name, "--listen", node.address, "--management",
        node.managementAddress, "--bus", bus, "--bus-publish", bus, "--coordinator",
        "tcp://\(coordinatorMember.address):5100", "--data", data(of: node), "--shards",
        "\(shards)", "--ready-file", readyFile(of: node),
      ] + nodeArguments, environment: disk?.environment(for: data(of: node)) ?? [:])
  }

  func kill(_ node: Node) async throws {
    node.process?.signal(SIGKILL)
    try await node.process?.waitForExit()
    node.process = nil
  }

  func pause(_ node: Node) { node.process?.signal(SIGSTOP) }

  func resume(_ node: Node) { node.process?.signal(SIGCONT) }

  func waitUntilReady(_ node: Node) async throws {
    try await eventually("\(node.name) is ready", within: .seconds(30)) {
      if let exit = node.process?.exitIfEnded() {
        throw ProcessEnded(text: "\(node.name) ended with \(exit):\n\(node.talk)")
      }
      return access(readyFile(of: node), R_OK) == 0
    }
  }

  /// The folder of a node's database.
  func data(of node: Node) -> String { "\(folder.path)/\(node.name)" }

  // MARK: Links

  /// Cuts a node off from the coordinator alone.
  func cutFromCoordinator(_ node: Node) async throws {
    try await network.cut(node.member, coordinatorMember)
  }

  func healWithCoordinator(_ node: Node) async throws {
    try await network.heal(node.member, coordinatorMember)
  }

  /// Cuts a node off from the coordinator and all other nodes; clients still reach it.
  func isolate(_ node: Node) async throws {
    try await cutFromCoordinator(node)
    for other in nodes where other !== node { try await network.cut(node.member, other.member) }
  }

  func rejoin(_ node: Node) async throws {
    try await healWithCoordinator(node)
    for other in nodes where other !== node { try await network.heal(node.member, other.member) }
  }

  // MARK: Clients

  /// Runs one of our programs beside the bridge, where every node is reached whatever is cut.
  func run(
    _ tool: String, _ arguments: [String], within deadline: Duration = .seconds(30)
  ) async throws -> ProgramResult {
    try await network.run(builtProduct(tool), arguments, within: deadline)
  }

  /// Starts one of our programs there.
  func start(_ tool: String, _ arguments: [String]) throws -> TestProcess {
    try network.start(builtProduct(tool), arguments)
  }

  /// Every event in the journals.
  func allEvents() async throws -> [TailedEvent] {
    let result = try await run(
      "cs-tail", ["-s", servers, "--all", "--end", "-o", "jsonl"], within: .seconds(60))
    guard result.status == .code(0) else {
      throw ProcessEnded(text: "cs-tail: \(result.status)\n\(result.talk)")
    }
    return try result.jsonLines().compactMap(TailedEvent.init)
  }

  private func readyFile(of node: Node) -> String { "\(folder.path)/\(node.name).ready" }
}
