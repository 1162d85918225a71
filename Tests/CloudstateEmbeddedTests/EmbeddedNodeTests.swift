import CloudstateEmbedded
import Foundation
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import SwiftProtobuf
import TestSupport
import Testing

@testable import ShoppingCartSample

@Suite("A node with entities in the same process")
struct EmbeddedNodeTests {
  private static let service = "/com.example.shoppingcart.ShoppingCart"
  private let node = EmbeddedNode(descriptors: Sample.descriptors, entities: Sample.entities)

  /// Runs a node while `body` runs, and stops it.
  private func withNode(
    data: String, _ body: (GRPCAsyncClient) async throws -> Void
  ) async throws {
    let port = try freePort()
    let ready = "\(data)/ready-\(port)"
    let running = Task {
      try await node.run(arguments: [
        "--service", "cart", "--data", "\(data)/node", "--listen", "127.0.0.1:\(port)",
        "--ready-file", ready, "--shards", "4", "--log-level", "error",
      ])
    }
    let outcome: Result<Void, any Error>
    do {
      try await eventually("the node is ready", within: .seconds(30)) {
        FileManager.default.fileExists(atPath: ready)
      }
      let client = try await GRPCAsyncClient.connect(
        target: .tcp(host: "127.0.0.1", port: port), group: MultiThreadedEventLoopGroup.singleton,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      try await body(client)
      await client.close()
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    running.cancel()
    try await running.value
    try outcome.get()
  }

  private func add(_ quantity: Int32, with client: GRPCAsyncClient) async throws {
    let item = Com_Example_Shoppingcart_AddLineItem.with {
      $0.userID = "ada"
      $0.productID = "tea"
      $0.quantity = quantity
    }
    _ = try await client.unary(
      path: "\(Self.service)/AddItem",
      message: ByteBuffer(bytes: try item.serializedBytes() as [UInt8]),
      timeout: .seconds(10))
  }

  private func quantity(with client: GRPCAsyncClient) async throws -> Int32? {
    let request = Com_Example_Shoppingcart_GetShoppingCart.with { $0.userID = "ada" }
    let reply = try await client.unary(
      path: "\(Self.service)/GetCart",
      message: ByteBuffer(bytes: try request.serializedBytes() as [UInt8]), timeout: .seconds(10))
    return try Com_Example_Shoppingcart_Cart(serializedBytes: [UInt8](buffer: reply.message))
      .items.first?.quantity
  }

  @Test("Commands are answered, refused and kept over a restart in the same process")
  func commands() async throws {
    let folder = try TemporaryDirectory()
    try await withNode(data: folder.path) { client in
      try await add(2, with: client)
      try await add(3, with: client)
      await #expect {
        try await add(0, with: client)
      } throws: { error in
        (error as? GRPCStatus)?.message.contains("Cannot add 0 of item tea") == true
      }
      #expect(try await quantity(with: client) == 5)
    }
    try await withNode(data: folder.path) { client in
      let kept = try await quantity(with: client)
      #expect(kept == 5)
    }
  }

  @Test(
    "A wrong option, a missing one and an unknown one are named",
    arguments: [
      (["--data", "/tmp/x"], "--service is missing"),
      (["--service", "cart"], "--data is missing"),
      (["--service", "cart", "--data", "/tmp/x", "--function", "a:1"], "--function"),
      (["--service", "cart", "--data", "/tmp/x", "--shards", "0"], "shards must be 1 to 65536"),
      (["--config", "/no/such/file"], "/no/such/file"),
    ])
  func mistakes(arguments: [String], text: String) async throws {
    await #expect {
      try await node.run(arguments: arguments)
    } throws: { error in
      (error as? EmbeddedNode.Failure)?.description.contains(text) == true
    }
  }

  @Test("Entities that do not agree with the descriptors are named before anything starts")
  func disagreement() async throws {
    let node = EmbeddedNode(descriptors: [], entities: Sample.entities)
    await #expect {
      try await node.run(arguments: ["--service", "cart", "--data", "/no/such/folder/at/all"])
    } throws: { error in
      (error as? EmbeddedNode.Failure)?.description.contains(
        "no service 'com.example.shoppingcart.ShoppingCart'") == true
    }
  }
}
