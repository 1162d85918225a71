import Foundation
import TestSupport
import Testing

private let cart = "com.example.shoppingcart.ShoppingCart"

/// A coordinator and three nodes with the Swift cart.
@Suite(.serialized) struct ClusterTests {
  /// Where the function of the nodes is.
  enum Hosting: CaseIterable {
    case beside, inside

    var cart: TestCluster.Function { self == .beside ? .swift : .embedded }
    var valueCart: TestCluster.Function { self == .beside ? .swiftValue : .embeddedValue }
  }

  @Test(
    "Any node answers for any cart, and a restart of everything keeps them",
    arguments: Hosting.allCases)
  func anyNodeAnyCart(function hosting: Hosting) async throws {
    let cluster = try await TestCluster(function: hosting.cart)
    for user in 0..<12 {
      let node = cluster.nodes[user % 3]
      let add = try await runTool(
        "cs-send",
        [
          "-s", node.address, "ShoppingCart/AddItem",
          #"{"userId":"u\#(user)","productId":"tea","name":"Tea","quantity":\#(user + 1)}"#,
        ])
      #expect(add.status == .code(0), "\(add.talk)")
    }
    try await cluster.stop()
    try await cluster.start()
    for user in 0..<12 {
      let node = cluster.nodes[(user + 1) % 3]
      let get = try await runTool(
        "cs-send",
        ["-s", node.address, "\(cart)/GetCart", #"{"userId":"u\#(user)"}"#, "-o", "json"])
      #expect(get.output.contains("\"quantity\":\(user + 1)"), "\(get.output)\(get.talk)")
    }
    let events = try await cluster.allEvents()
    #expect(events.count == 12)
    #expect(Set(events.map(\.entity)).count == 12)
  }

  @Test(
    "A value cart in Swift is updated, refused, deleted and kept over a restart of everything",
    arguments: Hosting.allCases)
  func valueCart(function hosting: Hosting) async throws {
    let cluster = try await TestCluster(nodes: 2, function: hosting.valueCart, shards: 8)
    func send(_ method: String, _ body: String) async throws -> ProgramResult {
      try await runTool(
        "cs-send", ["-s", cluster.servers, "ShoppingCart/\(method)", body, "--raw"])
    }
    let add = #"{"userId":"ada","productId":"tea","name":"Tea","quantity":2}"#
    #expect(try await send("AddItem", add).status == .code(0))
    #expect(try await send("AddItem", add).status == .code(0))
    let refused = try await send("AddItem", #"{"userId":"ada","productId":"tea","quantity":0}"#)
    #expect(refused.status == .code(4), "\(refused.talk)")
    try await cluster.stop()
    try await cluster.start()
    let kept = try await send("GetCart", #"{"userId":"ada"}"#)
    #expect(kept.output.contains(#""quantity":4"#), "\(kept.output)\(kept.talk)")
    #expect(try await send("RemoveCart", #"{"userId":"ada"}"#).status == .code(0))
    try await cluster.stop()
    try await cluster.start()
    let gone = try await send("GetCart", #"{"userId":"ada"}"#)
    #expect(gone.output.trimmingCharacters(in: .whitespacesAndNewlines) == #"{"items":[]}"#)
  }

  @Test(
    "An independent gRPC client with generated stubs gets the same cart everywhere, and reflection")
  func pythonClient() async throws {
    let python = try #require(pythonInterpreter, "set CS_PYTHON: see Scripts/test")
    let cluster = try await TestCluster()
    let result = try await runProgram(
      python,
      ["\(repositoryFolder)/Tests/EndToEndTests/Clients/cart_client.py"]
        + cluster.nodes.map(\.address), within: .seconds(60))
    #expect(result.status == .code(0), "\(result.output)\(result.talk)")
  }

  @Test("A coordinator that is gone stops nobody, and nodes restart without it")
  func coordinatorGone() async throws {
    let cluster = try await TestCluster()
    try await cluster.killCoordinator()
    let node = cluster.nodes[0]
    try await cluster.killSidecar(node)
    try cluster.startSidecar(node)
    try await cluster.waitUntilReady(node)
    for user in 0..<6 {
      let add = try await runTool(
        "cs-send",
        [
          "-s", cluster.servers, "ShoppingCart/AddItem", "--retry", "--auto-key",
          #"{"userId":"u\#(user)","productId":"tea","name":"Tea","quantity":1}"#,
        ])
      #expect(add.status == .code(0), "\(add.talk)")
    }
    try cluster.startCoordinator()
    #expect(try await cluster.allEvents().count == 6)
  }

  @Test(
    "A refusal of the function is status 4, with its text and no event",
    arguments: Hosting.allCases)
  func domainFailure(function hosting: Hosting) async throws {
    let cluster = try await TestCluster(nodes: 1, function: hosting.cart)
    let result = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "ShoppingCart/AddItem",
        #"{"userId":"u","productId":"tea","name":"Tea","quantity":0}"#,
      ])
    #expect(result.status == .code(4))
    #expect(result.talk.contains("Cannot add 0 of item tea"))
    #expect(try await cluster.allEvents().isEmpty)
  }

  @Test(
    "The same idempotency key gets the same answer and no second event",
    arguments: Hosting.allCases)
  func idempotencyKey(function hosting: Hosting) async throws {
    let cluster = try await TestCluster(nodes: 1, function: hosting.cart)
    let arguments = [
      "-s", cluster.servers, "ShoppingCart/AddItem", "--idempotency-key", "once", "-o", "json",
      #"{"userId":"u","productId":"tea","name":"Tea","quantity":1}"#,
    ]
    let first = try await runTool("cs-send", arguments)
    try await cluster.killSidecar(cluster.nodes[0])
    try cluster.startSidecar(cluster.nodes[0])
    try await cluster.waitUntilReady(cluster.nodes[0])
    let second = try await runTool("cs-send", arguments)
    #expect(first.status == .code(0), "\(first.talk)")
    #expect(second.status == .code(0), "\(second.talk)")
    #expect(second.output.contains("\"duplicate\":true"))
    #expect(try await cluster.allEvents().count == 1)
  }

  @Test("--show-events prints what a command caused")
  func showEvents() async throws {
    let cluster = try await TestCluster(nodes: 1)
    let result = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "ShoppingCart/AddItem", "--show-events",
        #"{"userId":"u","productId":"tea","name":"Tea","quantity":3}"#,
      ])
    #expect(result.status == .code(0), "\(result.talk)")
    #expect(result.output.contains("ItemAdded"), "\(result.output)")
  }

  @Test("SIGTERM drains: the node ends with status 0", arguments: Hosting.allCases)
  func gracefulStop(function hosting: Hosting) async throws {
    let cluster = try await TestCluster(nodes: 1, function: hosting.cart)
    let sidecar = try #require(cluster.nodes[0].sidecar)
    sidecar.signal(SIGTERM)
    #expect(try await sidecar.waitForExit(within: .seconds(15)) == .code(0))
  }
}
