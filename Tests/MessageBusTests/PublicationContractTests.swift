import CloudstateModel
import MessageBus
import NIOCore
import TestSupport
import Testing

@Suite("Publications, over every fabric")
struct PublicationContractTests {
  /// Publishes probes until `recorder`'s node sees one: the subscription has reached the publisher.
  private func waitForSubscription(
    from publisher: any TestableBus, _ probe: String, at recorder: Recorder<Publication>
  ) async throws {
    try await eventually("the subscription is in effect") {
      try publisher.publish(probe, "probe")
      return recorder.count > 0
    }
  }

  @Test(arguments: Fabric.allCases)
  func wildcardsAreMatchedHereAndAway(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let patterns = ["cs.evt.cart.*.u1.>", "cs.evt.>", "cs.plan", "cs.plan.*", "*.evt.*.x.u1.Added"]
    let here = try patterns.map { try a.record($0).recorder }
    let away = try patterns.map { try b.record($0).recorder }
    let ready = try b.record("ready").recorder
    try await waitForSubscription(from: a, "ready", at: ready)
    let subjects = [
      "cs.evt.cart.x.u1.Added", "cs.evt.cart.x.u2.Added", "cs.evt.cart.x.u1",
      "cs.evt.cart2.x.u1.Added",
      "cs.plan", "cs.plan.ack", "cs.plan.ack.n1", "cs.planet", "cs.evt", "cs.evt.end",
    ]
    for text in subjects { try a.publish(text, "1") }
    try await eventually("the last one arrives") {
      away[1].texts.last == "cs.evt.end=1" && here[1].texts.last == "cs.evt.end=1"
    }
    let known = try subjects.map { try subject($0) }
    for (index, text) in patterns.enumerated() {
      let matching = try pattern(text)
      let expected = known.filter { matching.matches($0) }.map { "\($0)=1" }
      #expect(here[index].texts == expected, "here: \(text)")
      #expect(away[index].texts == expected, "away: \(text)")
      #expect(away[index].all.allSatisfy { $0.source == a.nodeID })
      #expect(here[index].sequences == expected.indices.map { UInt64($0 + 1) })
      #expect(away[index].sequences == here[index].sequences, "nothing was lost: no jump")
    }
  }

  @Test(arguments: Fabric.allCases)
  func manyKeepTheirOrder(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let (odd, _) = try b.record("cs.n.x.odd.*")
    let (ready, _) = try b.record("ready")
    try await waitForSubscription(from: a, "ready", at: ready)
    let count = 2000
    for number in 0..<count {
      try a.publish(number % 2 == 0 ? "cs.n.x.even.\(number)" : "cs.n.x.odd.\(number)", "\(number)")
    }
    try await eventually("all have arrived") { odd.count == count / 2 }
    #expect(odd.texts == stride(from: 1, to: count, by: 2).map { "cs.n.x.odd.\($0)=\($0)" })
    #expect(odd.sequences == Array(1...UInt64(count / 2)))
  }

  @Test(arguments: Fabric.allCases)
  func aQueueGroupGetsEachOnce(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let members = try ["job.>", "job.*", "job.>"].map {
      try b.record($0, group: "workers").recorder
    }
    let other = try b.record("job.*", group: "auditors").recorder
    let plain = try b.record("job.*").recorder
    let local = try a.record("job.*", group: "workers").recorder
    let ready = try b.record("ready").recorder
    try await waitForSubscription(from: a, "ready", at: ready)
    for number in 0..<30 { try a.publish("job.x", "\(number)") }
    try await eventually("all have arrived") { plain.count == 30 && local.count == 30 }
    #expect(members.map(\.count) == [10, 10, 10])
    #expect(Set(members.flatMap(\.texts)) == Set(plain.texts))
    #expect(members.allSatisfy { $0.sequences == Array(1...10) }, "no member sees a jump")
    #expect(other.count == 30)
  }

  @Test(arguments: Fabric.allCases)
  func cancelledSubscriptionsGetNothing(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let a = try harness.start("a")
    let (kept, _) = try a.record("x")
    let (ended, subscription) = try a.record("x")
    try a.publish("x", "1")
    try await eventually("the first arrives") { kept.count == 1 }
    subscription.cancel()
    subscription.cancel()
    try a.publish("x", "2")
    try await eventually("the second arrives") { kept.count == 2 }
    #expect(ended.texts == ["x=1"])
  }

  @Test(arguments: Fabric.allCases)
  func aPeerWithoutPublishingEndpointIsNotSubscribedTo(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    var peer = a.peer(incarnation: 1)
    peer.publishEndpoint = ""
    b.connect(to: peer)
    try await eventually("the request link stands") {
      await b.ask("x", "", of: a.nodeID).failureCode == .noResponder
    }
    let (away, _) = try b.record(">")
    let (here, _) = try a.record(">")
    for _ in 0..<10 { try a.publish("x", "1") }
    try await eventually("local delivery") { here.count == 10 }
    // A request over the same peers, after the publications, gives a stray one time to arrive.
    #expect(await b.ask("x", "", of: a.nodeID).failureCode == .noResponder)
    #expect(away.count == 0)
  }

  @Test(arguments: Fabric.allCases)
  func aBrokenLinkShowsAsAJump(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let (seen, _) = try b.record("news")
    try await waitForSubscription(from: a, "news", at: seen)
    b.disconnect(from: a.nodeID)
    let count = seen.count
    let before = try #require(seen.sequences.last)
    #expect(seen.sequences == Array(1...UInt64(count)))
    b.connect(to: a.peer(incarnation: harness.nextIncarnation()))
    try await eventually("publications arrive again") {
      try a.publish("news", "again")
      return seen.sequences.contains { $0 > before + 1 }
    }
  }
}
