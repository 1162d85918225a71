import Foundation
import TestSupport
import Testing

/// h2load, a load generator of another family of HTTP libraries, against a node.
@Suite(.serialized) struct LoadPeerTests {
  private func h2load(_ arguments: [String]) async throws -> String {
    let result = try await runProgram("/usr/bin/h2load", arguments, within: .seconds(90))
    try #require(result.status == .code(0), "\(result.talk)")
    return result.output
  }

  @Test("Every request of many connections and streams has its answer, and its effect once")
  func load() async throws {
    let cluster = try await TestCluster(nodes: 2)
    let folder = try TemporaryDirectory()
    let json = "\(folder.path)/item.json"
    try #"{"productId":"tea","name":"Tea","quantity":1}"#.write(
      toFile: json, atomically: true, encoding: .utf8)
    let url = "http://\(cluster.nodes[0].address)/cart/load/items/add"
    let body = ["-d", json, "-H", "content-type: application/json", url]
    let asked = "requests: 600 total, 600 started, 600 done, 600 succeeded, 0 failed, 0 errored"
    let http2 = try await h2load(["-n", "600", "-c", "6", "-m", "20", "-p", "h2c"] + body)
    #expect(http2.contains(asked))
    let http1 = try await h2load(["-n", "600", "-c", "6", "--h1"] + body)
    #expect(http1.contains(asked))

    // `AddLineItem` with user_id, product_id, name and quantity, as a message of gRPC.
    let message =
      Data([0x0a, 4]) + Data("load".utf8) + Data([0x12, 3]) + Data("tea".utf8)
      + Data([0x1a, 3]) + Data("Tea".utf8) + Data([0x20, 1])
    let frame = "\(folder.path)/item.grpc"
    try (Data([0, 0, 0, 0, UInt8(message.count)]) + message).write(
      to: URL(fileURLWithPath: frame))
    let grpc = try await h2load([
      "-n", "600", "-c", "6", "-m", "20", "-p", "h2c", "-d", frame, "-H",
      "content-type: application/grpc", "-H", "te: trailers",
      "http://\(cluster.nodes[1].address)/com.example.shoppingcart.ShoppingCart/AddItem",
    ])
    #expect(grpc.contains(asked))

    let cart = try await curl(cluster.nodes[1], "/carts/load")
    #expect(cart.body == #"{"items":[{"productId":"tea","name":"Tea","quantity":1800}]}"#)
  }
}
