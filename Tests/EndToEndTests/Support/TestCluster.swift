import Foundation
import TestSupport
import Testing

/// A coordinator and nodes with their user functions, all real processes on free ports of the loopback
/// interface, with real databases in a temporary folder. Everything is killed when the value goes away.
final class TestCluster {
  enum Function {
    /// The Swift sample, event sourced.
    case swift
    /// The Swift sample of a value entity.
    case swiftValue
    /// The model function of the compatibility kit, which has entities of every kind.
    case model
    /// The Swift sample of replicated entities.
    case swiftChat
    /// The Swift sample, event sourced, inside the nodes.
    case embedded
    /// The Swift sample of a value entity, inside the nodes.
    case embeddedValue
    /// The Python sample on the unmodified `cloudstate` 0.1.1, run by this interpreter.
    case python(interpreter: String)
    /// One entity of each kind, without a library, and the folder of its stubs.
    case kinds(interpreter: String, stubs: String)
    /// Entities with methods that consume their events, likewise.
    case events(interpreter: String, stubs: String)
  }

  final class Node {
    let name: String
    let port: Int
    let functionPort: Int
    let managementPort: Int
    fileprivate(set) var sidecar: TestProcess?
    fileprivate(set) var function: TestProcess?

    fileprivate init(name: String) throws {
      self.name = name
      port = try freePort()
      functionPort = try freePort()
      managementPort = try freePort()
    }

    var address: String { "127.0.0.1:\(port)" }
    /// Where it answers with ``TestCluster/hasManagement``.
    var managementAddress: String { "127.0.0.1:\(managementPort)" }
  }

  let folder: TemporaryDirectory
  let nodes: [Node]
  private let function: Function
  private let shards: Int
  private let nodeArguments: [String]
  private let coordinatorArguments: [String]
  /// Whether the nodes have management listeners.
  private let hasManagement: Bool
  private let dataFolder: String
  /// Where the databases of the nodes lie, if not on the disk of this machine.
  private let disk: LossyDisk?
  private let coordinatorPort: Int
  /// Where the coordinator is administered, if it is.
  let adminPort: Int?
  /// Where coordinators that somebody else starts are administered.
  let adminAddresses: String?
  /// Endpoints of coordinators that somebody else starts; then there is none here.
  private let otherCoordinators: String?
  private(set) var coordinator: TestProcess?

  /// Starts everything and waits until each node is ready.
  init(
    nodes count: Int = 3, function: Function = .swift, shards: Int = 16,
    nodeArguments: [String] = [], coordinatorArguments: [String] = [],
    hasManagement: Bool = false, hasAdmin: Bool = false, dataFolder: String? = nil,
    otherCoordinators: ElectedCoordinators? = nil, disk: LossyDisk? = nil
  ) async throws {
    folder = try TemporaryDirectory()
    self.dataFolder = dataFolder ?? folder.path
    self.disk = disk
    nodes = try (1...count).map { try Node(name: "cart-\($0)") }
    coordinatorPort = try freePort()
    adminPort = hasAdmin ? try freePort() : nil
    self.otherCoordinators = otherCoordinators?.endpoints
    adminAddresses = otherCoordinators?.adminAddresses
    self.function = function
    self.shards = shards
    self.nodeArguments = nodeArguments
    self.coordinatorArguments = coordinatorArguments
    self.hasManagement = hasManagement
    try await start()
  }

  /// Where other nodes find the coordinator.
  var coordinatorEndpoint: String {
    otherCoordinators ?? "tcp://127.0.0.1:\(coordinatorPort)"
  }

  /// The addresses of all nodes, for `--server`.
  var servers: String { nodes.map(\.address).joined(separator: ",") }

  func start() async throws {
    if otherCoordinators == nil { try startCoordinator() }
    for node in nodes { try startFunction(node) }
    for node in nodes { try startSidecar(node) }
    for node in nodes { try await waitUntilReady(node) }
  }

  /// Asks everything to stop and waits for it: nodes, functions, coordinator.
  func stop() async throws {
    for node in nodes { node.sidecar?.signal(SIGTERM) }
    for node in nodes {
      try await node.sidecar?.waitForExit(within: .seconds(20))
      node.sidecar = nil
    }
    for node in nodes {
      node.function?.signal(SIGTERM)
      node.function = nil
    }
    coordinator?.signal(SIGTERM)
    try await coordinator?.waitForExit()
    coordinator = nil
  }

  func startCoordinator() throws {
    coordinator = try TestProcess(
      builtProduct("cs-coordinator"),
      [
        "--bus", "tcp://127.0.0.1:\(coordinatorPort)", "--data", "\(folder.path)/coordinator",
        "--expect", "cart=\(nodes.count)", "--log-level", "info",
      ] + (adminPort.map { ["--admin", "127.0.0.1:\($0)"] } ?? []) + coordinatorArguments)
  }

  func killCoordinator() async throws {
    coordinator?.signal(SIGKILL)
    try await coordinator?.waitForExit()
    coordinator = nil
  }

  func startFunction(_ node: Node) throws {
    let environment = ["HOST": "127.0.0.1", "PORT": "\(node.functionPort)"]
    switch function {
    case .swift:
      node.function = try TestProcess(builtProduct("shopping-cart"), environment: environment)
    case .swiftValue:
      node.function = try TestProcess(
        builtProduct("value-shopping-cart"), environment: environment)
    case .model:
      node.function = try TestProcess(builtProduct("tck-model"), environment: environment)
    case .swiftChat:
      node.function = try TestProcess(builtProduct("chat"), environment: environment)
    case .embedded, .embeddedValue:
      break
    case .python(let interpreter):
      node.function = try TestProcess(
        interpreter, ["\(repositoryFolder)/Sources/Samples/ShoppingCartPython/shopping_cart.py"],
        environment: environment)
    case .kinds(let interpreter, let stubs):
      node.function = try TestProcess(
        interpreter,
        [
          "\(repositoryFolder)/Tests/EndToEndTests/Kinds/kinds_function.py", stubs,
          "\(node.functionPort)",
        ])
    case .events(let interpreter, let stubs):
      node.function = try TestProcess(
        interpreter,
        [
          "\(repositoryFolder)/Tests/EndToEndTests/Kinds/events_function.py", stubs,
          "\(node.functionPort)",
        ])
    }
  }

  func killFunction(_ node: Node) async throws {
    node.function?.signal(SIGKILL)
    try await node.function?.waitForExit()
    node.function = nil
  }

  func startSidecar(_ node: Node) throws {
    unlink(readyFile(of: node))
    var arguments = [
      "--service", "cart", "--node-id", node.name, "--listen", node.address, "--coordinator",
      coordinatorEndpoint, "--data", data(of: node), "--shards",
      "\(shards)", "--ready-file", readyFile(of: node),
    ]
    if hasManagement { arguments += ["--management", node.managementAddress] }
    let program: String
    switch function {
    case .embedded: program = "shopping-cart-node"
    case .embeddedValue: program = "value-shopping-cart-node"
    default:
      program = "cs-node"
      arguments += ["--function", "127.0.0.1:\(node.functionPort)"]
    }
    node.sidecar = try TestProcess(
      builtProduct(program), arguments + nodeArguments,
      environment: disk?.environment(for: data(of: node)) ?? [:])
  }

  /// The folder of a node's database.
  func data(of node: Node) -> String { "\(dataFolder)/\(node.name)" }

  /// Asks a node to stop, and waits for its end.
  func stopSidecar(_ node: Node) async throws {
    node.sidecar?.signal(SIGTERM)
    let exit = try await node.sidecar?.waitForExit(within: .seconds(30))
    let talk = node.sidecar?.output(.standardError) ?? ""
    #expect(exit == .code(0), "\(node.name): \(talk.suffix(2000))")
    node.sidecar = nil
  }

  func killSidecar(_ node: Node) async throws {
    node.sidecar?.signal(SIGKILL)
    try await node.sidecar?.waitForExit()
    node.sidecar = nil
  }

  /// Stops a node without its noticing, and returns when all of its threads stand still.
  func pause(_ node: Node) async throws {
    guard let sidecar = node.sidecar else { return }
    sidecar.signal(SIGSTOP)
    let tasks = "/proc/\(sidecar.processID)/task"
    try await eventually("\(node.name) stands still") {
      try FileManager.default.contentsOfDirectory(atPath: tasks).allSatisfy { task in
        let stat = try String(contentsOfFile: "\(tasks)/\(task)/stat", encoding: .utf8)
        return stat.split(separator: ")").last?.hasPrefix(" T") == true
      }
    }
  }

  func resume(_ node: Node) { node.sidecar?.signal(SIGCONT) }

  func waitUntilReady(_ node: Node) async throws {
    try await eventually("\(node.name) is ready", within: .seconds(30)) {
      if let exit = node.sidecar?.exitIfEnded() {
        throw ProcessEnded(
          text: "\(node.name) ended with \(exit):\n\(node.sidecar?.output(.standardError) ?? "")")
      }
      return access(readyFile(of: node), R_OK) == 0
    }
  }

  private func readyFile(of node: Node) -> String { "\(folder.path)/\(node.name).ready" }
}

/// A program ended before the test wanted it to.
struct ProcessEnded: Error, CustomStringConvertible {
  let text: String
  var description: String { text }
}

/// The root of the repository, found from this file.
let repositoryFolder: String = {
  var url = URL(fileURLWithPath: #filePath)
  for _ in 0..<4 { url.deleteLastPathComponent() }
  return url.path
}()

/// An interpreter with grpcio, the generated stubs and `cloudstate` 0.1.1, if `Scripts/python-environment` made
/// one; `Scripts/test` sets the variable.
let pythonInterpreter = ProcessInfo.processInfo.environment["CS_PYTHON"]
