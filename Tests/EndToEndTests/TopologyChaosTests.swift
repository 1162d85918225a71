import Foundation
import TestSupport
import Testing

/// `cs-up` cuts real nodes off from each other, kills and pauses them.
@Suite(.serialized) struct TopologyChaosTests {
  /// A topology with three embedded nodes that runs in the background until the value goes away.
  private final class Run {
    let folder: TemporaryDirectory
    var data: String { "\(folder.path)/data" }
    private let up: TestProcess

    init() async throws {
      folder = try TemporaryDirectory()
      try """
      version: 1
      name: chaos
      data: data
      chaos: true
      services:
        - {name: cart, nodes: 3, shards: 12, function: {embedded: ["${bin}/shopping-cart-node"]}}
      """.write(toFile: "\(folder.path)/chaos.yaml", atomically: true, encoding: .utf8)
      up = try TestProcess(
        builtProduct("cs-up"), ["start", "\(folder.path)/chaos.yaml", "-o", "jsonl"])
      try await up.waitForLine(
        containing: "\"phase\":\"ready\"", in: .standardOutput, within: .seconds(60))
    }

    func tell(_ arguments: String...) async throws {
      let result = try await runTool("cs-up", arguments + ["--data", data])
      #expect(result.status == .code(0), "\(arguments): \(result.talk)")
    }

    func processes() async throws -> [[String: Any]] {
      let result = try await runTool("cs-up", ["ps", "--data", data, "-o", "jsonl"])
      return try result.jsonLines().first?["processes"] as? [[String: Any]] ?? []
    }

    func address(of node: String) async throws -> String {
      let process = try await processes().first { $0["name"] as? String == node }
      return try #require(process?["publicAddress"] as? String)
    }

    func log(_ process: String) throws -> String {
      try String(contentsOfFile: "\(data)/logs/\(process).log", encoding: .utf8)
    }

    func stop() async throws {
      up.signal(SIGTERM)
      #expect(try await up.waitForExit(within: .seconds(60)) == .code(0))
    }
  }

  private func add(
    _ user: Int, through address: String, timeout: String = "20s"
  ) async throws -> TestProcess.Exit {
    try await runTool(
      "cs-send",
      [
        "-s", address, "--timeout", timeout, "--retry", "--auto-key", "ShoppingCart/AddItem",
        #"{"userId":"u\#(user)","productId":"p","name":"P","quantity":1}"#,
      ]
    ).status
  }

  @Test(
    "A node that is cut off serves what it has; healed, killed and paused, everything comes back")
  func chaos() async throws {
    let run = try await Run()
    let address = try await run.address(of: "cart-2")
    for user in 0..<12 { #expect(try await add(user, through: address) == .code(0)) }

    try await run.tell("partition", "cart-2")
    let cutOff = try await run.processes().filter { $0["isCutOff"] as? Bool == true }
    #expect(cutOff.map { $0["name"] as? String } == ["cart-2"])
    try await eventually("the coordinator misses it", within: .seconds(30)) {
      try run.log("coordinator").contains("node cart-2 is down")
    }
    var served = 0
    for user in 0..<12 where try await add(user, through: address, timeout: "1s") == .code(0) {
      served += 1
    }
    #expect(served > 0)
    #expect(served < 12)
    try await run.tell("heal", "cart-2", "--drop")
    try await eventually("the coordinator hears it again", within: .seconds(60)) {
      try run.log("coordinator").contains("node cart-2 is alive again")
    }
    for user in 0..<12 { #expect(try await add(user, through: address) == .code(0)) }

    // It hears everybody, and nobody hears it.
    try await run.tell("partition", "cart-3", "--peer", "coordinator", "--direction", "out")
    try await eventually("the coordinator does not hear it", within: .seconds(30)) {
      try run.log("coordinator").contains("node cart-3 is down")
    }
    for user in 0..<12 { #expect(try await add(user, through: address) == .code(0)) }
    try await run.tell("heal", "--all")

    try await run.tell("kill", "cart-1")
    try await run.tell("pause", "cart-3")
    try await run.tell("resume", "cart-3")
    try await eventually("cart-1 is ready again", within: .seconds(60)) {
      let process = try await run.processes().first { $0["name"] as? String == "cart-1" }
      return process?["state"] as? String == "ready" && process?["restarts"] as? Int == 1
    }
    for user in 0..<12 { #expect(try await add(user, through: address) == .code(0)) }
    try await run.stop()
  }
}
