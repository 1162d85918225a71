import CloudstateModel
import CloudstateProtocol
import ClusterControl
import MessageBus
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@Suite struct ClusterTests {
  @Test func threeNodesShareOnePlanAndOutliveTheirCoordinator() async throws {
    let harness = try ClusterHarness(expecting: 3)
    var coordinator = try await harness.startCoordinator()
    var nodes: [ClusterMembership] = []
    for name in ["a", "b", "c"] { nodes.append(try await harness.startNode(name)) }
    try await eventually("all nodes have the plan") {
      nodes.allSatisfy { $0.snapshot.isFullyAssigned && $0.snapshot.members.count == 3 }
    }
    let primaries = nodes[0].snapshot.primaries
    for node in nodes {
      #expect(node.snapshot.primaries == primaries)
      #expect(node.snapshot.shardMap.shards(ofPrimary: node.nodeID).count == 4)
      #expect(node.snapshot.planNumber == 1)
      #expect(node.snapshot.refusal == nil)
    }
    let before = try await coordinator.record

    try await coordinator.stop()
    try await eventually("the nodes notice") {
      nodes.allSatisfy { !$0.snapshot.coordinatorReachable }
    }
    #expect(nodes.allSatisfy { $0.snapshot.primaries == primaries })

    coordinator = try await harness.startCoordinator()
    try await eventually("the nodes are back") {
      nodes.allSatisfy { $0.snapshot.coordinatorReachable }
    }
    let after = try await coordinator.record
    #expect(after.coordinatorID == before.coordinatorID)
    #expect(after.version >= before.version)
    #expect(after.plan == before.plan)
    #expect(try await coordinator.planHistory(limit: 5) == [before.plan])
    #expect(nodes.allSatisfy { $0.snapshot.primaries == primaries })
    for node in nodes { try await node.stop() }
    try await coordinator.stop()
  }

  @Test func aNodeServesItsSavedPlanWithoutTheCoordinator() async throws {
    let harness = try ClusterHarness(expecting: 1)
    let coordinator = try await harness.startCoordinator()
    let document = SavedDocument()
    var node = try await harness.startNode("a", document: document)
    try await eventually("the plan is saved") {
      node.snapshot.isFullyAssigned && document.bytes != nil
    }
    try await coordinator.stop()
    try await node.stop()

    node = try await harness.startNode("a", incarnation: 2, document: document)
    #expect(node.snapshot.isFullyAssigned)
    #expect(!node.snapshot.coordinatorReachable)
    let again = try await harness.startCoordinator()
    try await eventually("the node has registered again") {
      node.snapshot.members[node.nodeID]?.incarnation == 2
    }
    #expect(node.snapshot.planNumber == 1)
    try await node.stop()
    try await again.stop()
  }

  @Test func aDamagedSavedViewIsNotUsed() async throws {
    let harness = try ClusterHarness(expecting: 1)
    let document = SavedDocument()
    try document.save([1, 2, 3, 4, 5, 6, 7])
    let node = try await harness.startNode("a", document: document)
    #expect(node.snapshot.planNumber == 0)
    let coordinator = try await harness.startCoordinator()
    try await eventually("the coordinator's plan is there") { node.snapshot.isFullyAssigned }
    try await node.stop()
    try await coordinator.stop()
  }

  @Test func aLaggardDelaysNobodyElseAndGetsTheViewWhenItCan() async throws {
    var harness = try ClusterHarness(expecting: 3)
    // Without heartbeats in the time of this test, only deliveries bring views.
    harness.configuration = CoordinatorConfiguration(
      heartbeatInterval: .seconds(60), livenessTimeout: .seconds(600),
      expectedNodes: [try service(): 3])
    harness.configuration.publicationTimeout = .milliseconds(300)
    harness.configuration.publicationAttempts = 1000
    harness.configuration.maximumRetryDelay = .milliseconds(100)
    let coordinator = try await harness.startCoordinator()
    // The laggard is the first by name, so that deliveries one after the other would wait for it.
    let laggard = try await harness.startNode("a")
    try await eventually("the laggard is a member") { laggard.snapshot.members.count == 1 }
    harness.network.lose { [id = laggard.nodeID] message in
      message.target == id && message.kind == .request
    }
    let second = try await harness.startNode("b")
    try await eventually("the second is a member") { second.snapshot.members.count == 2 }
    let third = try await harness.startNode("c")
    try await eventually("the others have the plan") {
      second.snapshot.isFullyAssigned && third.snapshot.isFullyAssigned
    }
    #expect(laggard.snapshot.planNumber == 0)
    #expect(second.snapshot.shardMap.shards(ofPrimary: laggard.nodeID).count == 4)
    harness.network.lose(where: nil)
    try await eventually("the laggard has the plan") { laggard.snapshot.isFullyAssigned }
    for node in [laggard, second, third] { try await node.stop() }
    try await coordinator.stop()
  }

  @Test func membersSeeEachOtherGoAndComeBack() async throws {
    let harness = try ClusterHarness(expecting: 2)
    let coordinator = try await harness.startCoordinator()
    let first = try await harness.startNode("a")
    let second = try await harness.startNode("b")
    try await eventually("both are members") { first.snapshot.members.count == 2 }
    try await second.stop()
    try await eventually("the other is down") { first.snapshot.liveness(of: "b") == .down }
    #expect(first.snapshot.liveness(of: "a") == .alive)
    #expect(first.snapshot.shardMap.shards(ofPrimary: second.nodeID).count == 6)
    let restarted = try await harness.startNode("b", incarnation: 2)
    try await eventually("the other is back") {
      first.snapshot.liveness(of: "b") == .alive
        && first.snapshot.members[second.nodeID]?.incarnation == 2
    }
    try await eventually("it has its shards again") {
      restarted.snapshot.shardMap.shards(ofPrimary: second.nodeID).count == 6
    }
    for node in [first, restarted] { try await node.stop() }
    try await coordinator.stop()
  }

  @Test func listenersSeeEveryAssignmentOnceAndInOrder() async throws {
    let harness = try ClusterHarness(expecting: 1)
    let node = try await harness.startNode("a")
    let seen = Mutex<[ShardAssignment]>([])
    let versions = Mutex<[UInt64]>([])
    node.addListener { change in
      seen.withLock { $0 += change.assignments }
      versions.withLock { $0.append(change.snapshot.planNumber) }
    }
    let coordinator = try await harness.startCoordinator()
    try await eventually("the plan was seen") { seen.withLock { $0.count } == 12 }
    let late = Mutex<[ShardAssignment]>([])
    node.addListener { change in late.withLock { $0 += change.assignments } }
    try await eventually("the late listener has it too") { late.withLock { $0.count } == 12 }
    #expect(seen.withLock { $0 } == node.snapshot.shardMap.assignments.compactMap(\.self))
    #expect(late.withLock { $0 } == seen.withLock { $0 })
    #expect(versions.withLock { $0 == $0.sorted() })
    try await node.stop()
    try await coordinator.stop()
  }

  @Test func aRefusedNodeSaysWhyAndJoinsWhenItMay() async throws {
    let harness = try ClusterHarness(expecting: 1)
    let coordinator = try await harness.startCoordinator()
    let first = try await harness.startNode("a")
    try await eventually("the first has its shards") { first.snapshot.isFullyAssigned }
    let second = try await harness.startNode("b", shards: 5)
    try await eventually("the second is told why") {
      second.snapshot.refusal?.contains("service cart has 12 shards") == true
    }
    #expect(second.snapshot.coordinatorReachable)
    #expect(second.snapshot.members.isEmpty)
    for node in [first, second] { try await node.stop() }
    try await coordinator.stop()
  }

  @Test func aViewIsAcknowledgedOnlyWhenItIsSaved() async throws {
    let harness = try ClusterHarness(expecting: 1)
    let bus = harness.network.join(as: .coordinator)
    let acknowledged = Mutex<[UInt64]>([])
    let pattern = try #require(SubjectPattern("cs.plan.ack.*"))
    _ = bus.subscribe(pattern, queueGroup: nil) { publication in
      let message = try? Cloudstate_Internal_Cluster_PlanAcknowledgement(
        decoding: publication.payload)
      acknowledged.withLock { $0.append(message?.planNumber ?? 0) }
    }
    let coordinator = try await harness.startCoordinator(bus: bus)
    let document = SavedDocument()
    document.setBroken(true)
    let node = try await harness.startNode("a", document: document)
    try await eventually("the plan is followed and saving was tried again") {
      node.snapshot.isFullyAssigned && document.attempts >= 2
    }
    #expect(acknowledged.withLock { $0 }.isEmpty)
    document.setBroken(false)
    try await eventually("the plan is acknowledged") { acknowledged.withLock { $0 } == [1] }
    #expect(document.bytes != nil)
    try await node.stop()
    try await coordinator.stop()
  }

  @Test func aFailedStoreSilencesTheCoordinatorAndNothingUnsavedIsTold() async throws {
    let store = BreakableStore()
    let harness = try ClusterHarness(expecting: 2, store: store)
    let failures = Mutex<[ClusterError]>([])
    let coordinator = try await harness.startCoordinator { failure in
      failures.withLock { $0.append(failure) }
    }
    let first = try await harness.startNode("a")
    try await eventually("the first is a member") { first.snapshot.members.count == 1 }
    store.breakNow()
    let second = try await harness.startNode("b")
    try await eventually("the failure is told") { failures.withLock { $0.count } == 1 }
    try await eventually("the coordinator is silent") { !first.snapshot.coordinatorReachable }
    #expect(failures.withLock { $0.map(\.code) } == [.storeFailed])
    #expect(first.snapshot.members.count == 1 && first.snapshot.planNumber == 0)
    #expect(second.snapshot.members.isEmpty)
    for node in [first, second] { try await node.stop() }
    try await coordinator.stop()
  }

  @Test func garbageOnTheBusIsAnsweredAndHarmsNobody() async throws {
    let harness = try ClusterHarness(expecting: 1)
    let coordinator = try await harness.startCoordinator()
    let member = try await harness.startNode("a")
    let stranger = harness.network.join(as: try node("stranger"))
    for target in [NodeID.coordinator, member.nodeID] {
      stranger.connect(
        to: BusPeer(
          node: target, requestEndpoint: "memory://x", publishEndpoint: "", incarnation: 0))
    }
    let garbage = ByteBuffer(bytes: [0xff, 0xff, 0xff, 0x01])
    let impostor = HeartbeatReport(
      node: member.nodeID, incarnation: 1, planNumber: 0, viewVersion: 0
    ).message.encoded
    let questions: [(Subject, NodeID, ByteBuffer)] = [
      (.register, .coordinator, garbage), (.heartbeat(member.nodeID), .coordinator, garbage),
      (.heartbeat(member.nodeID), .coordinator, impostor),
      (.plan, member.nodeID, garbage), (.plan, member.nodeID, ByteBuffer()),
    ]
    let loop = NIOSingletons.posixEventLoopGroup.next()
    for (subject, target, payload) in questions {
      let promise = loop.makePromise(of: ByteBuffer.self)
      stranger.request(subject, payload: payload, to: target, timeout: .seconds(5), on: loop) {
        promise.completeWith($0.mapError { $0 as any Error })
      }
      if subject == .register {
        let answer = try await Cloudstate_Internal_Cluster_RegisterResponse(
          decoding: promise.futureResult.get())
        #expect(!answer.refusal.isEmpty)
      } else {
        let error = await #expect(throws: BusError.self) { try await promise.futureResult.get() }
        #expect(error?.code == .rejected)
      }
    }
    try await eventually("the member has its plan") { member.snapshot.isFullyAssigned }
    try await member.stop()
    try await coordinator.stop()
  }
}
