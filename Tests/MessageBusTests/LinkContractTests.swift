import CloudstateModel
import MessageBus
import NIOCore
import TestSupport
import Testing

@Suite("Links that come, break and come back, over every fabric")
struct LinkContractTests {
  @Test(arguments: Fabric.allCases)
  func unknownPeersAreUnreachable(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let a = try harness.start("a")
    let b = try harness.start("b")
    #expect(await a.ask("x", "", of: b.nodeID).failureCode == .unreachable, "not linked")
    #expect(await a.ask("x", "", of: try nodeID("zzz")).failureCode == .unreachable)
  }

  @Test(arguments: Fabric.allCases)
  func aDeadPeerFailsWhatWasSentAndWhatComes(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let held = Recorder<BusRequest>()
    _ = b.serve(try pattern("hold")) { held.append($0) }
    async let pending = a.ask("hold", "", of: b.nodeID, timeout: .seconds(60))
    try await eventually("the request is there") { held.count == 1 }
    b.shutdown()
    let failure = await pending
    #expect(failure.failureCode == .timeout)
    #expect(failure.failureMessage.contains("link to b broke"))
    let next = await a.ask("hold", "", of: b.nodeID, timeout: .seconds(60))
    #expect(next.failureCode == .unreachable)
  }

  @Test(arguments: Fabric.allCases)
  func aRestartedPeerGetsNothingStale(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let old = Recorder<BusRequest>()
    _ = b.serve(try pattern("hold")) { old.append($0) }
    async let first = a.ask("hold", "1", of: b.nodeID, timeout: .seconds(60))
    try await eventually("the request is there") { old.count == 1 }
    b.shutdown()
    #expect(await first.failureCode == .timeout)
    #expect(await a.ask("hold", "2", of: b.nodeID).failureCode == .unreachable)

    let reborn = try harness.start("b")
    let new = Recorder<String>()
    _ = reborn.serve(try pattern("hold")) { request in
      new.append(String(buffer: request.payload))
      request.answer(.success(request.payload))
    }
    a.connect(to: reborn.peer(incarnation: harness.nextIncarnation()))
    #expect(await a.ask("hold", "3", of: reborn.nodeID).text == "3")
    old.all.first?.answer(.success(ByteBuffer(string: "from the dead")))
    #expect(await a.ask("hold", "4", of: reborn.nodeID).text == "4")
    #expect(new.all == ["3", "4"])
  }

  @Test(arguments: Fabric.allCases)
  func replacingALinkFailsWhatHungOnIt(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let held = Recorder<BusRequest>()
    _ = b.serve(try pattern("hold")) { held.append($0) }
    async let pending = a.ask("hold", "", of: b.nodeID, timeout: .seconds(60))
    try await eventually("the request is there") { held.count == 1 }
    let peer = b.peer(incarnation: harness.nextIncarnation())
    a.connect(to: peer)
    #expect(await pending.failureCode == .timeout)
    async let next = a.ask("hold", "", of: b.nodeID, timeout: .seconds(60))
    try await eventually("the next request is there") { held.count == 2 }
    a.connect(to: peer)
    held.all.last?.answer(.success(ByteBuffer(string: "kept")))
    #expect(await next.text == "kept", "the same link again changes nothing")
  }

  @Test(arguments: Fabric.allCases)
  func disconnectingEndsTheLink(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    a.disconnect(from: b.nodeID)
    a.disconnect(from: b.nodeID)
    #expect(await a.ask("x", "", of: b.nodeID).failureCode == .unreachable)
    #expect(await b.ask("x", "", of: a.nodeID).failureCode == .noResponder, "one way only")
  }

  @Test(arguments: Fabric.allCases)
  func shutdownFailsWhatIsUnanswered(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let held = Recorder<BusRequest>()
    _ = b.serve(try pattern("hold")) { held.append($0) }
    async let pending = a.ask("hold", "", of: b.nodeID, timeout: .seconds(60))
    try await eventually("the request is there") { held.count == 1 }
    a.shutdown()
    #expect(await pending.failureCode == .closed)
    #expect(await a.ask("hold", "", of: b.nodeID).failureCode == .closed)
    #expect(await a.ask("hold", "", of: a.nodeID).failureCode == .closed)
    a.shutdown()
    try a.publish("x", "ignored")
    a.subscribe(try pattern("x"), queueGroup: nil) { _ in }.cancel()
  }

  /// In memory a shutdown is a crash.
  @Test(arguments: [Fabric.tcp, .ipc])
  func answersQueuedAtShutdownStillArrive(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let held = Recorder<BusRequest>()
    _ = b.serve(try pattern("hold")) { held.append($0) }
    async let pending = a.ask("hold", "", of: b.nodeID)
    try await eventually("the request is there") { held.count == 1 }
    held.all.first?.answer(.success(ByteBuffer(string: "bye")))
    b.shutdown()
    #expect(await pending.text == "bye")
  }
}
