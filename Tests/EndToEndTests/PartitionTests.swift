import Foundation
import TestSupport
import Testing

/// Real processes that lose each other on the network.
@Suite(.serialized, .needsNetworkNamespaces) struct PartitionTests {
  /// Sends one datagram, or waits for one.
  private static let datagram = """
    import socket, sys
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if sys.argv[1] == "wait":
        s.bind((sys.argv[2], 7000))
        print("waiting", flush=True)
        print("got " + s.recv(100).decode(), flush=True)
    else:
        s.sendto(sys.argv[3].encode(), (sys.argv[2], 7000))
    """

  @Test("A link is cut in one direction while the other works, and healed")
  func oneWay() async throws {
    let network = try await NetworkNamespaces()
    let (one, other) = (try await network.add("one"), try await network.add("other"))
    func send(_ text: String, from: NetworkNamespaces.Member, to: NetworkNamespaces.Member)
      async throws
    {
      let result = try await network.run(
        in: from, "/usr/bin/python3", ["-c", Self.datagram, "send", to.address, text])
      #expect(result.status == .code(0), "\(result.talk)")
    }
    func waiting(_ member: NetworkNamespaces.Member) async throws -> TestProcess {
      let process = try network.start(
        in: member, "/usr/bin/python3", ["-c", Self.datagram, "wait", member.address])
      try await process.waitForLine(containing: "waiting", in: .standardOutput)
      return process
    }
    let atOther = try await waiting(other)
    let atOne = try await waiting(one)
    try await network.cut(from: one, to: other)
    try await send("lost", from: one, to: other)
    try await send("passes", from: other, to: one)
    try await atOne.waitForLine(containing: "got passes", in: .standardOutput)
    try await network.heal(from: one, to: other)
    try await send("healed", from: one, to: other)
    // The first datagram that came is the one after the healing.
    try await atOther.waitForLine(containing: "got healed", in: .standardOutput)
  }

  @Test("A node cut off from the coordinator goes on serving, and comes back when the link does")
  func cutFromCoordinator() async throws {
    let cluster = try await NamespaceCluster(coordinatorArguments: ["--liveness-timeout", "2s"])
    let coordinator = try #require(cluster.coordinator)
    let node = cluster.nodes[1]
    func addItems(_ product: String, through server: String) async throws {
      let adds = try (0..<12).map { user in
        try cluster.start(
          "cs-send",
          [
            "-s", server, "ShoppingCart/AddItem",
            #"{"userId":"u\#(user)","productId":"\#(product)","name":"P","quantity":1}"#,
          ])
      }
      for (user, add) in adds.enumerated() {
        let exit = try await add.waitForExit(within: .seconds(30))
        #expect(exit == .code(0), "\(product), u\(user): \(add.output(.standardError))")
      }
    }
    try await addItems("before", through: node.address)
    try await cluster.cutFromCoordinator(node)
    try await coordinator.waitForLine(
      containing: "node cart-2 is down", within: .seconds(20))
    // All twelve carts, so every shard in use: its own and, by way of the others, theirs.
    try await addItems("during", through: node.address)
    try await addItems("around", through: cluster.nodes[0].address)
    try await cluster.healWithCoordinator(node)
    try await coordinator.waitForLine(
      containing: "node cart-2 is alive again", within: .seconds(60))
    try await addItems("after", through: node.address)
    let events = try await cluster.allEvents()
    #expect(events.count == 48)
    for (cart, events) in Dictionary(grouping: events, by: \.entity) {
      #expect(events.map(\.product) == ["before", "during", "around", "after"], "\(cart)")
    }
  }

  @Test("A node that hears nobody, and is heard by nobody, serves only what it has")
  func isolated() async throws {
    let cluster = try await NamespaceCluster()
    let node = cluster.nodes[2]
    /// Adds to all carts at once, and answers which took it.
    func addToAll() async throws -> [Int] {
      let attempts = try (0..<12).map { user in
        try cluster.start(
          "cs-send",
          [
            "-s", node.address, "--timeout", "3s", "ShoppingCart/AddItem",
            #"{"userId":"u\#(user)","productId":"p","name":"P","quantity":1}"#,
          ])
      }
      var served: [Int] = []
      for (user, attempt) in attempts.enumerated()
      where try await attempt.waitForExit(within: .seconds(30)) == .code(0) { served.append(user) }
      return served
    }
    try await cluster.isolate(node)
    let served = try await addToAll()
    #expect(!served.isEmpty)
    #expect(served.count < 12)
    try await cluster.rejoin(node)
    try await eventually("it serves all carts again", within: .seconds(60)) {
      try await addToAll().count == 12
    }
    // What was acknowledged while it was alone is there once.
    let events = try await cluster.allEvents()
    for user in served {
      #expect(events.contains { $0.entity.hasSuffix("u\(user)") && $0.sequence == 1 })
    }
  }
}
