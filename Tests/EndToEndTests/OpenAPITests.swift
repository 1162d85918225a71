import Foundation
import TestSupport
import Testing

/// The OpenAPI document of running nodes, in the eyes of programs that know nothing of this project.
@Suite(.serialized, .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct OpenAPITests {
  private func take(_ node: TestCluster.Node, seed: UInt64, rounds: Int) async throws -> String {
    let python = try #require(pythonInterpreter)
    let result = try await runProgram(
      python,
      [
        "\(repositoryFolder)/Tests/EndToEndTests/Clients/openapi_contract.py", node.address,
        "\(seed)", "\(rounds)",
      ], within: .seconds(120))
    #expect(result.status == .code(0), "seed \(seed): \(result.talk.suffix(2000))")
    return result.output
  }

  @Test("The shopping cart answers as its document says")
  func contract() async throws {
    let cluster = try await TestCluster(nodes: 1)
    let seed = testSeed("openapi")
    let output = try await take(cluster.nodes[0], seed: seed, rounds: 40)
    for operation in ["AddItem", "RemoveItem", "GetCart", "GetCart_2"] {
      #expect(output.contains("ShoppingCart_\(operation) "), "\(output)")
    }
    #expect(output.hasSuffix("4 paths\n"))
  }

  @Test("The document of the model function, with entities of every kind, is valid")
  func model() async throws {
    let cluster = try await TestCluster(nodes: 1, function: .model)
    #expect(try await take(cluster.nodes[0], seed: 1, rounds: 0).contains("paths"))
  }

  @Test("A node serves no document if it is told so")
  func off() async throws {
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--no-openapi"])
    #expect(try await curl(cluster.nodes[0], "/openapi.json").status == 404)
  }
}
