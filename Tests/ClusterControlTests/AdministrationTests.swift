import CloudstateModel
import Foundation
import MessageBus
import NIOCore
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing

@testable import ClusterControl

@Suite struct AdminRouteTests {
  @Test("Every path has its method, and what is wrong is said")
  func routes() throws {
    func refusal(_ method: String, _ target: String) -> AdminRoute.Refusal? {
      do {
        _ = try AdminRoute(method: method, target: target)
        return nil
      } catch {
        return error
      }
    }
    #expect(try AdminRoute(method: "GET", target: "/status") == .status)
    #expect(try AdminRoute(method: "HEAD", target: "/nodes?x=1") == .nodes)
    #expect(try AdminRoute(method: "GET", target: "/plan/") == .plan)
    #expect(
      try AdminRoute(method: "GET", target: "/plan/history?limit=3&before=9")
        == .history(.init(limit: 3, before: 9)))
    #expect(
      try AdminRoute(method: "GET", target: "/plan/history") == .history(.init(limit: 20)))
    #expect(try AdminRoute(method: "GET", target: "/plan/dry-run") == .dryRun)
    #expect(try AdminRoute(method: "POST", target: "/plan/abort") == .change(.abort()))
    #expect(try AdminRoute(method: "POST", target: "/plan/approve") == .change(.approve()))
    #expect(try AdminRoute(method: "POST", target: "/plan/approve/7") == .change(.approve(7)))
    #expect(try AdminRoute(method: "POST", target: "/plan/abort/7") == .change(.abort(7)))
    #expect(try AdminRoute(method: "POST", target: "/plan/rebalance") == .change(.rebalance))
    #expect(try AdminRoute(method: "POST", target: "/drain/a") == .change(.drain(node("a"))))
    #expect(
      try AdminRoute(method: "POST", target: "/shards/cart/3/accept-loss?empty=true")
        == .change(.acceptLoss(shard(3), allowsEmpty: true)))
    #expect(refusal("POST", "/status")?.status == 405)
    #expect(refusal("GET", "/plan/approve")?.message == "/plan/approve takes POST, not GET")
    #expect(refusal("GET", "/")?.status == 404)
    #expect(refusal("GET", "/plan/none")?.status == 404)
    #expect(refusal("POST", "/plan/approve/0")?.status == 400)
    #expect(refusal("POST", "/plan/show/7")?.status == 404)
    #expect(refusal("GET", "/plan/history?limit=0")?.status == 400)
    #expect(refusal("GET", "/plan/history?before=x")?.status == 400)
    #expect(refusal("POST", "/drain/a%20b")?.status == 400)
    #expect(refusal("POST", "/shards/cart/x/accept-loss")?.status == 400)
  }
}

@Suite struct StatusTraces {
  @Test("The status names what is wrong, the gravest first")
  func states() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], shards: [("a", ["b"], ["b"]), ("b", ["c"], ["c"]), ("c", [], [])])
    var status = cluster.trace.machine.statusDocument()
    #expect(status.state == .degraded)
    #expect(status.reasons == ["starting: cart/0, cart/1, cart/2"])
    for (index, name) in ["a", "b", "c"].enumerated() {
      try cluster.report(name, UInt32(index)) { $0.lastPosition = Position(7) }
    }
    status = cluster.trace.machine.statusDocument()
    #expect(status.reasons == ["short of copies: cart/2"])
    #expect(
      cluster.trace.machine.shardsDocument().shards.map(\.state) == [
        .serving, .serving, .underReplicated,
      ])
    #expect(cluster.trace.machine.shardsDocument().shards[0].position == 7)
    try cluster.kill("c")
    status = cluster.trace.machine.statusDocument()
    #expect(status.state == .down)
    #expect(status.reasons.first == "unavailable: cart/2")
    #expect(status.reasons.contains("node c is down"))
    #expect(status.aliveNodes == 2 && status.nodes == 3)
  }

  @Test("With all copies in place and all shards served the cluster is OK")
  func fine() throws {
    var cluster = try RunningCluster(["a", "b"], shards: [("a", ["b"], ["b"])])
    try cluster.report("a", 0) { _ in }
    #expect(cluster.trace.machine.statusDocument().state == .ok)
    #expect(cluster.trace.machine.statusDocument().reasons == [])
  }
}

@Suite struct AdminDeskTests {
  private func referral(_ leader: LeaderCard?) -> AdminResponse {
    AdminDesk.referral(to: leader, target: "/plan/history?limit=3")
  }

  @Test(
    "A coordinator that stands by sends operators to the leader, with the path that they asked for")
  func referral() {
    let far = referral(
      LeaderCard(name: "c1", endpoint: "tcp://10.0.0.1:5100", admin: "10.0.0.1:9110"))
    #expect(far.status == 307)
    #expect(far.location == "http://10.0.0.1:9110/plan/history?limit=3")
    let near = referral(
      LeaderCard(name: "c1", endpoint: "tcp://127.0.0.1:5100", admin: "[::1]:9110"))
    #expect(near.location == "http://[::1]:9110/plan/history?limit=3")
  }

  @Test(
    "Where no address leads to the leader, its name is told",
    arguments: [nil, "127.0.0.1:9110", "0.0.0.0:9110"])
  func unreachable(admin: String?) {
    let answer = referral(LeaderCard(name: "c1", endpoint: "tcp://10.0.0.1:5100", admin: admin))
    #expect(answer.status == 421)
    #expect(answer.location == nil)
    #expect(answer.retryAfter == nil)
    #expect(String(decoding: answer.body, as: UTF8.self).contains("c1 at tcp://10.0.0.1:5100"))
  }

  @Test("While nobody leads they are asked to come again, and told why this one does not")
  func election() {
    let answer = referral(nil)
    #expect(answer.status == 421)
    #expect(answer.retryAfter == 1)
    let reason = "etcd has not renewed the lease for 5000 ms"
    let lost = AdminDesk.referral(to: nil, because: reason, target: "/status")
    #expect(String(decoding: lost.body, as: UTF8.self).contains(reason))
  }

  @Test(
    "What a leader tells of itself is read as it was written",
    arguments: [nil, "127.0.0.1:9110"])
  func card(admin: String?) {
    let card = LeaderCard(name: "c1", endpoint: "tcp://10.0.0.1:5100", admin: admin)
    #expect(LeaderCard(text: card.text) == card)
    #expect(LeaderCard(text: "c1") == nil)
    #expect(LeaderCard(text: "c1 tcp://10.0.0.1:5100 127.0.0.1:9110 more") == nil)
  }
}

@Suite struct AdminServerTests {
  @Test("Operators are answered over HTTP, with JSON and the status of the outcome")
  func answers() async throws {
    var harness = try ClusterHarness(expecting: 2)
    harness.configuration.rebalancing.requiresApproval = true
    harness.configuration.rebalancing.delay = .milliseconds(100)
    let coordinator = try await harness.startCoordinator()
    let members = [try await harness.startNode("a"), try await harness.startNode("b")]
    try await eventually("the plan is there") { members.allSatisfy { $0.snapshot.isFullyAssigned } }
    let server = try await AdminServer.start(
      host: "127.0.0.1", port: 0, desk: AdminDesk(coordinator), logger: quietLogger())
    let port = try #require(server.address.split(separator: ":").last.flatMap { Int($0) })

    let nodes = try await http(.GET, "/nodes", port).document(NodesDocument.self)
    #expect(nodes.nodes.map(\.node) == ["a", "b"])
    #expect(nodes.nodes.map(\.primaries) == [6, 6])
    let drained = try await http(.POST, "/drain/b", port)
    #expect(drained.status == .ok)
    #expect(try await coordinator.record.members[node("b")]?.isDraining == true)
    try await eventually("a rebalance is proposed") {
      try await http(.GET, "/plan", port).document(PlanDocument.self).rebalance?.state == "proposed"
    }
    let dryRun = try await http(.GET, "/plan/dry-run", port).document(DryRunDocument.self)
    #expect(dryRun.steps.count == 6)
    #expect(try await http(.POST, "/plan/approve/2", port).status == .notFound)
    #expect(try await http(.POST, "/plan/approve/1", port).status == .ok)
    #expect(try await http(.POST, "/plan/approve/1", port).status == .ok)
    #expect(try await http(.POST, "/plan/approve", port).status == .conflict)
    #expect(try await http(.POST, "/plan/rebalance", port).status == .conflict)
    #expect(try await http(.POST, "/plan/abort", port).status == .ok)
    #expect(try await http(.POST, "/plan/abort", port).status == .notFound)
    #expect(try await http(.POST, "/plan/rebalance", port).status == .ok)
    let history = try await http(.GET, "/plan/history", port).document(PlanHistoryDocument.self)
    #expect(history.plans.last?.number == 1)
    #expect(history.rebalances.last?.state == "aborted")

    let browser = try await http(.POST, "/undrain/b", port, headers: ["Origin": "http://x"])
    #expect(browser.status == .forbidden)
    #expect(try await coordinator.record.members[node("b")]?.isDraining == true)
    let refused = try await http(.GET, "/drain/b", port).document(OutcomeDocument.self)
    #expect(refused.error == "/drain/b takes POST, not GET")

    try await server.stop()
    for member in members { try await member.stop() }
    try await coordinator.stop()
  }

  private func http(
    _ method: HTTPMethod, _ path: String, _ port: Int, headers: HTTPHeaders = [:]
  ) async throws -> ResponseCollector.Response {
    let loop = NIOSingletons.posixEventLoopGroup.next()
    let promise = loop.makePromise(of: ResponseCollector.Response.self)
    let channel = try await ClientBootstrap(group: loop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
        try channel.pipeline.syncOperations.addHandler(ResponseCollector(promise))
      }
    }.connect(host: "127.0.0.1", port: port).get()
    var headers = headers
    headers.add(name: "Host", value: "127.0.0.1")
    headers.add(name: "Connection", value: "close")
    let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    return try await promise.futureResult.get()
  }
}

/// Collects one response, until the server closes.
private final class ResponseCollector: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  struct Response: Sendable {
    var status: HTTPResponseStatus
    var body: [UInt8] = []

    func document<Document: Decodable>(_ type: Document.Type) throws -> Document {
      try JSONDecoder().decode(type, from: Data(body))
    }
  }

  private let promise: EventLoopPromise<Response>
  private var response: Response?

  init(_ promise: EventLoopPromise<Response>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): response = Response(status: head.status)
    case .body(let part): response?.body += part.readableBytesView
    case .end: break
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    promise.completeWith(Result { try #require(response) })
  }
}
