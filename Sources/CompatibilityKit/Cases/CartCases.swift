import CloudstateProtocol
import SwiftProtobuf

/// Section 12: the shopping cart of 2020, which was the whole compatibility kit for protocol 0.1.
let cartCases: [TestCase] = [
  TestCase(
    id: "SC1", title: "The function responds", group: .cart, section: "12",
    clause: """
      discover answers with descriptors and at least one entity with service name and persistence id
      """,
    needs: [], procedure: .function(FunctionProcedure(run: answersDiscovery))),
  cart("SCM2", "Initial cart, without a proxy", "I; GetCart gives an empty cart; no event; P") {
    (scene: FunctionScene) throws(CaseFailure) in
    var run = try CartRun(scene, user: "testuser:1")
    try await run.carry(out: [.get([])])
    try await run.end()
  },
  cart(
    "SCM3", "Add and remove, without a proxy", "I; \(clause(addAndRemove)); P"
  ) { (scene: FunctionScene) throws(CaseFailure) in
    var run = try CartRun(scene, user: "testuser:2")
    try await run.carry(out: addAndRemove)
    try await run.end()
  },
  cart(
    "SC2", "Initial cart",
    """
    GetCart gives an empty cart; the proxy says that it supports event sourced entities; one init, \
    one command, one reply with its id and without events
    """
  ) { (scene: ProxyScene) throws(CaseFailure) in
    let types = scene.proxy.info.supportedEntityTypes
    guard types.contains(eventSourced) else {
      throw CaseFailure(
        step: "discover", expected: "support of \(eventSourced)",
        received: "support of \(types.joined(separator: ", "))")
    }
    var run = ProxyCartRun(scene, user: "testuser:1")
    try await run.carry(out: [.get([])])
  },
  cart("SC3", "Add and remove", clause(addAndRemove)) { (scene: ProxyScene) throws(CaseFailure) in
    var run = ProxyCartRun(scene, user: "testuser:2")
    try await run.carry(out: addAndRemove)
  },
  TestCase(
    id: "SC4", title: "Reflection", group: .cart, section: "12",
    clause: "as RF1 with the services of the function", needs: [CartRun.service],
    procedure: .proxy(ProxyProcedure(run: reflect))),
  cart("SC5", "HTTP", httpCart.map(\.description).joined(separator: "; ")) {
    (scene: ProxyScene) throws(CaseFailure) in
    let user = scene.identifier("foo")
    for step in httpCart { try await step.run(scene, user: user) }
    // What the proxy says to the function is SC3's business.
    _ = try await scene.watch.announced(EventSourcedMessages.path, "")
  },
]

private let eventSourced = "cloudstate.eventsourced.EventSourced"

/// SC3: what is called, and how the function answers.
private let addAndRemove: [CartStep] = [
  .get([]), .add("testproduct:1", "Test Product 1", 1), .add("testproduct:2", "Test Product 2", 2),
  .add("testproduct:1", "Test Product 1", 11), .add("testproduct:2", "Test Product 2", 31),
  .get([
    CartItem("testproduct:1", "Test Product 1", 12),
    CartItem("testproduct:2", "Test Product 2", 33),
  ]),
  .remove("testproduct:1"), .addFails("testproduct:2", "Test Product 2", -7),
  .addFails("testproduct:1", "Test Product 1", 0), .removeFails("testproduct:1"),
  .get([CartItem("testproduct:2", "Test Product 2", 33)]),
]

private func clause(_ steps: [CartStep]) -> String {
  steps.map(\.description).joined(separator: "; ")
}

private let httpCart: [CartRequest] = [
  CartRequest("GET", "/carts/USER", gives: #"{"items":[]}"#),
  CartRequest("POST", "/cart/USER/items/add", adding: ("A14362347", "Deluxe", 5), gives: "{}"),
  CartRequest("POST", "/cart/USER/items/add", adding: ("B14623482", "Basic", 1), gives: "{}"),
  CartRequest("POST", "/cart/USER/items/add", adding: ("A14362347", "Deluxe", 2), gives: "{}"),
  CartRequest(
    "GET", "/carts/USER",
    gives: #"{"items":[{"productId":"A14362347","name":"Deluxe","quantity":7},"#
      + #"{"productId":"B14623482","name":"Basic","quantity":1}]}"#),
  CartRequest(
    "GET", "/carts/USER/items",
    gives: #"[{"productId":"A14362347","name":"Deluxe","quantity":7.0},"#
      + #"{"productId":"B14623482","name":"Basic","quantity":1.0}]"#),
  CartRequest("POST", "/cart/USER/items/A14362347/remove", gives: "{}"),
  CartRequest(
    "GET", "/carts/USER",
    gives: #"{"items":[{"productId":"B14623482","name":"Basic","quantity":1}]}"#),
  CartRequest(
    "GET", "/carts/USER/items",
    gives: #"[{"productId":"B14623482","name":"Basic","quantity":1.0}]"#),
]

private func cart(
  _ id: String, _ title: String, _ clause: String,
  _ body: @escaping @Sendable (FunctionScene) async throws(CaseFailure) -> Void
) -> TestCase {
  TestCase(
    id: id, title: title, group: .cart, section: "12", clause: clause, needs: [CartRun.service],
    procedure: .function(FunctionProcedure(run: body)))
}

private func cart(
  _ id: String, _ title: String, _ clause: String,
  _ body: @escaping @Sendable (ProxyScene) async throws(CaseFailure) -> Void
) -> TestCase {
  TestCase(
    id: id, title: title, group: .cart, section: "12", clause: clause, needs: [CartRun.service],
    procedure: .proxy(ProxyProcedure(run: body)))
}

@Sendable private func answersDiscovery(_ scene: FunctionScene) throws(CaseFailure) {
  let spec = scene.function.spec
  guard !spec.proto.isEmpty else {
    throw CaseFailure(step: "discover", expected: "descriptors", received: "none")
  }
  guard spec.entities.contains(where: { !$0.serviceName.isEmpty && !$0.persistenceID.isEmpty })
  else {
    throw CaseFailure(
      step: "discover", expected: "an entity with service name and persistence id",
      received: "\(spec.entities.count) entities without")
  }
}
