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
  /// Where coordinators run: one, or three beside a member of etcd each.
  let coordinatorMembers: [NetworkNamespaces.Member]
  let nodes: [Node]
  private let shards: Int
  private let nodeArguments: [String]
  private let coordinatorArguments: [String]
  private let disk: LossyDisk?
  private(set) var coordinators: [TestProcess?]
  /// What the coordinators share, if there are several.
  let etcd: TestEtcd?

  /// Starts everything and waits until each node is ready.
  ///
  /// - Parameters:
  ///   - nodeArguments: more flags of every node, such as `--replication`.
  ///   - isElected: three coordinators share an etcd of three members.
  ///   - disk: where the databases of the nodes lie, if not on the disk of this machine.
  init(
    nodes count: Int = 3, shards: Int = 12, nodeArguments: [String] = [],
    coordinatorArguments: [String] = [], isElected: Bool = false, disk: LossyDisk? = nil
  ) async throws {
    folder = try TemporaryDirectory()
    let network = try await NetworkNamespaces()
    self.network = network
    var coordinatorMembers: [NetworkNamespaces.Member] = []
    for number in 1...(isElected ? 3 : 1) {
      coordinatorMembers.append(
        try await network.add(isElected ? "coordinator-\(number)" : "coordinator"))
    }
    self.coordinatorMembers = coordinatorMembers
    coordinators = coordinatorMembers.map { _ in nil }
    var nodes: [Node] = []
    for number in 1...count { nodes.append(Node(member: try await network.add("cart-\(number)"))) }
    self.nodes = nodes
    self.shards = shards
    self.nodeArguments = nodeArguments
    self.coordinatorArguments = coordinatorArguments
    self.disk = disk
    let members = coordinatorMembers
    etcd =
      isElected
      ? try await TestEtcd(
        members: 3,
        places: TestEtcd.Places(hosts: members.map(\.address)) {
          index, program, arguments, environment in
          try network.start(
            in: index.map { members[$0] }, program, arguments, environment: environment)
        }) : nil
    for index in coordinators.indices { try startCoordinator(index) }
    for node in nodes { try start(node) }
    for node in nodes { try await waitUntilReady(node) }
  }

  /// The addresses of all nodes, for `--server`.
  var servers: String { nodes.map(\.address).joined(separator: ",") }

  /// The only coordinator.
  var coordinator: TestProcess? { coordinators.first ?? nil }

  func startCoordinator(_ index: Int = 0) throws {
    coordinators[index] = try startCoordinator(
      "c\(index)", in: coordinatorMembers[index], etcd: etcd?.endpoints)
  }

  /// One more coordinator, on a machine without a member of etcd.
  func startCoordinator(
    _ name: String, in member: NetworkNamespaces.Member, etcd: String?
  ) throws -> TestProcess {
    let address = member.address
    let record =
      etcd.map { ["--etcd", $0, "--etcd-lease", "2s", "--name", name] }
      ?? ["--data", "\(folder.path)/coordinator"]
    return try network.start(
      in: member, builtProduct("cs-coordinator"),
      [
        "--bus", "tcp://\(address):5100", "--bus-publish", "tcp://\(address):*", "--admin",
        "\(address):9110", "--expect", "cart=\(nodes.count)", "--log-level", "info",
      ] + record + coordinatorArguments)
  }

  func killCoordinator() async throws {
    coordinator?.signal(SIGKILL)
    try await coordinator?.waitForExit()
    coordinators[0] = nil
  }

  /// The index of the coordinator that leads, as a majority of etcd knows it; `nil` while none does.
  ///
  /// - Parameter member: of etcd, to be asked.
  func leader(member: Int) async throws -> Int? {
    let text = try await etcd?.control(
      ["get", "/cloudstate/leader", "--print-value-only"], member: member)
    return text?.split(separator: " ").first.flatMap { Int($0.dropFirst()) }
  }

  func start(_ node: Node) throws {
    unlink(readyFile(of: node))
    let bus = "tcp://\(node.member.address):*"
    node.process = try network.start(
      in: node.member, builtProduct("shopping-cart-node"),
      [
        "--service", "cart", "--node-id", node.name, "--listen", node.address, "--management",
        node.managementAddress, "--bus", bus, "--bus-publish", bus, "--coordinator",
        coordinatorMembers.map { "tcp://\($0.address):5100" }.joined(separator: ","), "--data",
        data(of: node), "--shards",
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

  /// Cuts a node off from the coordinators alone.
  func cutFromCoordinator(_ node: Node) async throws {
    for coordinator in coordinatorMembers { try await network.cut(node.member, coordinator) }
  }

  func healWithCoordinator(_ node: Node) async throws {
    for coordinator in coordinatorMembers { try await network.heal(node.member, coordinator) }
  }

  /// Cuts a coordinator, and the member of etcd beside it, off from the others; nodes still reach it.
  func isolateCoordinator(_ index: Int) async throws {
    let member = coordinatorMembers[index]
    for other in coordinatorMembers where other.address != member.address {
      try await network.cut(member, other)
    }
  }

  func rejoinCoordinator(_ index: Int) async throws {
    let member = coordinatorMembers[index]
    for other in coordinatorMembers where other.address != member.address {
      try await network.heal(member, other)
    }
  }

  /// Cuts a node off from the coordinators and all other nodes; clients still reach it.
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

  /// Clients that write and read beside the bridge, by all nodes.
  func startFailoverLoad() async throws -> FailoverLoad {
    try await FailoverLoad(nodes.map(\.address)) { try network.start($0, $1) }
  }

  private func readyFile(of node: Node) -> String { "\(folder.path)/\(node.name).ready" }
}

extension NamespaceCluster: AdministeredCluster {
  func administer(_ arguments: [String]) async throws -> ProgramResult {
    let addresses = coordinatorMembers.map { "\($0.address):9110" }.joined(separator: ",")
    return try await run("cs-admin", arguments + ["--coordinator", addresses])
  }

  var coordinatorTalk: String {
    coordinators.map { String($0?.output(.standardError).suffix(4000) ?? "") }
      .joined(separator: "\n---\n")
  }
}
