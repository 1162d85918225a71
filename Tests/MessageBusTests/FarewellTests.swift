import CloudstateModel
import NIOCore
import Synchronization
import TestSupport
import Testing
import ZeroMQ

@testable import MessageBus

@Suite("A bus that ends tells its peers first")
struct FarewellTests {
  /// What became of many requests.
  private final class Tally: Sendable {
    let carriedOut = Atomic<Int>(0)
    let isOver = Atomic(false)
    private let counts = Mutex<[String: Int]>([:])

    func add(_ answer: Answer) {
      counts.withLock { $0[answer.failureCode?.rawValue ?? "done", default: 0] += 1 }
    }

    subscript(key: String) -> Int { counts.withLock { $0[key] ?? 0 } }
    subscript(code: BusError.Code) -> Int { self[code.rawValue] }
  }

  @Test(
    "Nobody is left in doubt whether a request was carried out",
    arguments: [Fabric.tcp, .ipc, .encrypted])
  func noDoubt(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let asking = try harness.start("a")
    for round in 0..<10 {
      let leaving = try harness.start("b")
      try await harness.link(asking, leaving)
      let tally = Tally()
      let service = leaving.serve(try pattern("work")) { request in
        tally.carriedOut.add(1, ordering: .relaxed)
        request.answer(.success(ByteBuffer()))
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            while !tally.isOver.load(ordering: .relaxed) {
              tally.add(await asking.ask("work", "", of: leaving.nodeID))
            }
          }
        }
        try await eventually("work is being done") { tally["done"] > 50 }
        // As a node does: first the service, then the bus.
        service.cancel()
        leaving.shutdown()
        try await eventually("the end is seen") { tally[.unreachable] > 0 }
        tally.isOver.store(true, ordering: .relaxed)
        try await group.waitForAll()
      }
      #expect(tally[.timeout] == 0, "in round \(round)")
      #expect(tally["done"] == tally.carriedOut.load(ordering: .relaxed))
    }
  }

  @Test("A peer that answers nothing delays the end, and does not stop it")
  func deafPeer() async throws {
    let bus = try ZeroMQMessageBus.start(
      configuration: testConfiguration(), nodeID: try nodeID("a"), logger: quietLogger)
    let deaf = try await RawPeer(.router, .bind("tcp://127.0.0.1:*"), reads: false)
    let node = try nodeID("deaf")
    bus.connect(
      to: BusPeer(node: node, requestEndpoint: deaf.endpoint, publishEndpoint: "", incarnation: 1))
    // Sent, so connected, and never answered.
    async let answer = bus.ask("x", "", of: node, timeout: .seconds(2))
    #expect(await answer.failureCode == .timeout)
    bus.shutdown()
    #expect(await bus.ask("x", "", of: node).failureCode == .closed)
  }

  @Test("All buses of a cluster may end at once")
  func together() async throws {
    let harness = try BusHarness(.tcp)
    let buses = try ["a", "b", "c"].map { try harness.start($0) }
    for (index, first) in buses.enumerated() {
      for second in buses[(index + 1)...] { try await harness.link(first, second) }
    }
    await withTaskGroup(of: Void.self) { group in
      for bus in buses { group.addTask { bus.shutdown() } }
    }
    for bus in buses { #expect(await bus.ask("x", "", of: bus.nodeID).failureCode == .closed) }
  }
}
