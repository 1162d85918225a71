import Foundation
import TestSupport
import Testing

/// `grpc.health.v1.Health` of real nodes, by grpcio.
@Suite(.serialized, .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct HealthTests {
  private let cart = "com.example.shoppingcart.ShoppingCart"

  private func arguments(_ rest: String...) -> [String] {
    ["\(repositoryFolder)/Tests/EndToEndTests/Clients/health_client.py"] + rest
  }

  private func check(_ address: String, _ service: String = "") async throws -> String {
    let python = try #require(pythonInterpreter)
    let result = try await runProgram(python, arguments(address, "check", service))
    return result.output.trimmingCharacters(in: .newlines)
  }

  @Test("A node that is ready serves, until it stops, of which watchers hear first")
  func stopping() async throws {
    let python = try #require(pythonInterpreter)
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--shutdown-grace", "120s"])
    let node = cluster.nodes[0]
    #expect(try await check(node.address) == "SERVING")
    #expect(try await check(node.address, cart) == "SERVING")
    #expect(try await check(node.address, "nobody.Knows") == "NOT_FOUND")
    let watcher = try TestProcess(python, arguments(node.address, "watch", cart))
    let stranger = try TestProcess(python, arguments(node.address, "watch", "nobody.Knows"))
    try await watcher.waitForLine(containing: "SERVING", in: .standardOutput)
    try await stranger.waitForLine(containing: "SERVICE_UNKNOWN", in: .standardOutput)
    node.sidecar?.signal(SIGTERM)
    // Open watches do not use the node's grace up.
    #expect(try await node.sidecar?.waitForExit(within: .seconds(60)) == .code(0))
    try await watcher.waitForExit(within: .seconds(30))
    try await stranger.waitForExit(within: .seconds(30))
    #expect(watcher.output(.standardOutput) == "SERVING\nNOT_SERVING\nUNAVAILABLE\n")
    #expect(stranger.output(.standardOutput) == "SERVICE_UNKNOWN\nUNAVAILABLE\n")
  }

  @Test("A node that waits for others does not serve yet")
  func starting() async throws {
    let folder = try TemporaryDirectory()
    let ports = try (coordinator: freePort(), function: freePort(), node: freePort())
    let coordinator = try TestProcess(
      builtProduct("cs-coordinator"),
      [
        "--bus", "tcp://127.0.0.1:\(ports.coordinator)", "--data", "\(folder.path)/coordinator",
        "--expect", "cart=2",
      ])
    let function = try TestProcess(
      builtProduct("shopping-cart"),
      environment: ["HOST": "127.0.0.1", "PORT": "\(ports.function)"])
    let node = try TestProcess(
      builtProduct("cs-node"),
      [
        "--service", "cart", "--function", "127.0.0.1:\(ports.function)", "--listen",
        "127.0.0.1:\(ports.node)", "--coordinator", "tcp://127.0.0.1:\(ports.coordinator)",
        "--data", "\(folder.path)/node",
      ])
    let address = "127.0.0.1:\(ports.node)"
    try await eventually("the node answers", within: .seconds(30)) {
      try await check(address) == "NOT_SERVING"
    }
    #expect(try await check(address, cart) == "NOT_SERVING")
    for process in [node, function, coordinator] { process.signal(SIGTERM) }
    #expect(try await node.waitForExit(within: .seconds(30)) == .code(0))
    try await function.waitForExit(within: .seconds(30))
    try await coordinator.waitForExit(within: .seconds(30))
  }
}
