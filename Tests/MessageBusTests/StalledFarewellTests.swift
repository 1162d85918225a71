import CloudstateModel
import MessageBus
import NIOCore
import TestSupport
import Testing

/// A bus whose link to a peer is held up on its way, and the peer, whose link back is free.
private final class HeldUpPair: Sendable {
  let bus: ZeroMQMessageBus
  let peer: ZeroMQMessageBus
  /// What became of the requests that hold the link up.
  let answers = Recorder<Answer>()
  let tap: WireTap

  /// More than the kernel and libzmq take in.
  static let requests = 48

  init() async throws {
    var configuration = testConfiguration()
    configuration.heartbeatTimeout = .seconds(120)
    // Who waits for it has not been told.
    configuration.farewellTime = .seconds(120)
    bus = try ZeroMQMessageBus.start(
      configuration: configuration, nodeID: try nodeID("bus"), logger: quietLogger)
    peer = try ZeroMQMessageBus.start(
      configuration: configuration, nodeID: try nodeID("peer"), logger: quietLogger)
    tap = try await WireTap(before: peer.requestEndpoint)
    bus.connect(
      to: BusPeer(
        node: peer.nodeID, requestEndpoint: tap.endpoint, publishEndpoint: "", incarnation: 1))
    peer.connect(to: bus.peer(incarnation: 1))
    for side in [bus, peer] {
      _ = side.serve(try pattern("work")) { $0.answer(.success(ByteBuffer())) }
    }
    for (from, to) in [(bus, peer), (peer, bus)] {
      try await eventually("link from \(from.nodeID)") {
        await from.ask("work", "", of: to.nodeID).text == ""
      }
    }
    try await tap.hold(true)
    let large = ByteBuffer(repeating: 0, count: 1_000_000)
    for _ in 0..<Self.requests {
      bus.request(
        try subject("work"), payload: large, to: peer.nodeID, timeout: .seconds(120), on: eventLoop
      ) { [answers] in answers.append($0) }
    }
    try await eventually("the link is held up") {
      await bus.ask("work", "", of: peer.nodeID, timeout: .milliseconds(50)).failureMessage
        .contains("took no request in time")
    }
  }
}

@Suite("A bus that ends while a link is held up", .serialized)
struct StalledFarewellTests {
  @Test("A peer that cannot say its last word yet takes no more requests, and says it when it can")
  func lastWord() async throws {
    let pair = try await HeldUpPair()
    let ends = Recorder<Bool>()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        pair.peer.shutdown()
        ends.append(true)
      }
      try await eventually("new requests are refused at once") {
        await pair.bus.ask("work", "", of: pair.peer.nodeID, timeout: .milliseconds(50))
          .failureMessage.contains("is down; nothing was sent")
      }
      #expect(ends.count == 0, "the last word is waited for")
      try await pair.tap.hold(false)
      try await eventually("the last word is heard", within: .seconds(30)) { ends.count == 1 }
      try await group.waitForAll()
    }
    try await eventually("all are answered") { pair.answers.count == HeldUpPair.requests }
    #expect(pair.answers.all.allSatisfy { $0.text == "" }, "nobody is left in doubt")
    pair.bus.shutdown()
  }

  @Test("A peer that cannot be told yet is told when it can, and waited for")
  func leaving() async throws {
    let pair = try await HeldUpPair()
    let ends = Recorder<Bool>()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        pair.bus.shutdown()
        ends.append(true)
      }
      // Far longer than an end takes that waits for nobody.
      for _ in 0..<2000 where await pair.peer.ask("work", "", of: pair.bus.nodeID).text != "" {
        Issue.record("the bus ended before its peer had been told")
        break
      }
      #expect(ends.count == 0)
      try await pair.tap.hold(false)
      try await eventually("the peer has answered", within: .seconds(30)) { ends.count == 1 }
      try await group.waitForAll()
    }
    #expect(await pair.peer.ask("work", "", of: pair.bus.nodeID).failureCode == .unreachable)
    pair.peer.shutdown()
  }
}
