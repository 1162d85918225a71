import CloudstateModel
import NIOCore
import TestSupport
import Testing
import ZeroMQ

@testable import MessageBus

@Suite("What only the ZeroMQ bus does")
struct ZeroMQBusTests {
  private func start(
    _ name: String, _ change: (inout ZeroMQBusConfiguration) -> Void = { _ in }
  ) throws -> ZeroMQMessageBus {
    var configuration = testConfiguration()
    change(&configuration)
    return try ZeroMQMessageBus.start(
      configuration: configuration, nodeID: try nodeID(name), logger: quietLogger)
  }

  @Test func theActualEndpointsAreKnown() throws {
    let bus = try start("a")
    defer { bus.shutdown() }
    for endpoint in [bus.requestEndpoint, bus.publishEndpoint] {
      #expect(endpoint.hasPrefix("tcp://127.0.0.1:"))
      #expect(!endpoint.hasSuffix("*"))
    }
    #expect(bus.requestEndpoint != bus.publishEndpoint)
    let peer = bus.peer(incarnation: 7)
    #expect((peer.node, peer.incarnation) == (bus.nodeID, 7))
  }

  @Test func badEndpointsAndBusyPortsAreNamed() throws {
    let bus = try start("a")
    defer { bus.shutdown() }
    for endpoint in ["nonsense", "tcp://127.0.0.1:99999", "tcp://127.0.0.1", bus.requestEndpoint] {
      let error = #expect(throws: BusStartError.self) {
        try start("b") { $0.requestBind = endpoint }
      }
      #expect(error?.message.contains(endpoint) == true, "\(error?.message ?? "no error")")
    }
  }

  @Test func badSettingsAreNamed() throws {
    let changes: [(String, (inout ZeroMQBusConfiguration) -> Void)] = [
      ("maximumMessageBytes", { $0.maximumMessageBytes = 0 }),
      ("maximumMessageBytes", { $0.maximumMessageBytes = 1 << 40 }),
      ("pendingRequestsPerPeer", { $0.pendingRequestsPerPeer = -1 }),
      ("heartbeatTimeout", { $0.heartbeatTimeout = $0.heartbeatInterval }),
    ]
    for (name, change) in changes {
      let error = #expect(throws: BusStartError.self) { try start("a", change) }
      #expect(error?.message.contains(name) == true)
    }
  }

  @Test func requestsWaitForAPeerThatIsAboutToStart() async throws {
    let directory = try TemporaryDirectory()
    let a = try start("a") { $0.connectGrace = .seconds(20) }
    defer { a.shutdown() }
    let node = try nodeID("b")
    let path = "ipc://\(directory.path)/b"
    a.connect(
      to: BusPeer(node: node, requestEndpoint: path, publishEndpoint: "", incarnation: 1))
    async let waiting = a.ask("x", "", of: node)
    let b = try start("b") { $0.requestBind = path }
    defer { b.shutdown() }
    #expect(await waiting.failureCode == .noResponder)
  }

  @Test func theGraceEnds() async throws {
    let directory = try TemporaryDirectory()
    let a = try start("a") { $0.connectGrace = .milliseconds(100) }
    defer { a.shutdown() }
    let node = try nodeID("b")
    a.connect(
      to: BusPeer(
        node: node, requestEndpoint: "ipc://\(directory.path)/b", publishEndpoint: "",
        incarnation: 1))
    let failure = await a.ask("x", "", of: node, timeout: .minutes(10))
    #expect(failure.failureCode == .unreachable)
    #expect(await a.ask("x", "", of: node, timeout: .minutes(10)).failureCode == .unreachable)
  }

  @Test func aRequestThatWasNeverSentSaysSo() async throws {
    let directory = try TemporaryDirectory()
    let a = try start("a") { $0.connectGrace = .minutes(10) }
    defer { a.shutdown() }
    let node = try nodeID("b")
    let path = "ipc://\(directory.path)/b"
    a.connect(
      to: BusPeer(node: node, requestEndpoint: path, publishEndpoint: "", incarnation: 1))
    let failure = await a.ask("x", "1", of: node, timeout: .milliseconds(50))
    #expect(failure.failureCode == .unreachable, "not a timeout: nothing was sent")
    let b = try start("b") { $0.requestBind = path }
    defer { b.shutdown() }
    let seen = Recorder<String>()
    _ = b.serve(try pattern("x")) { request in
      seen.append(String(buffer: request.payload))
      request.answer(.success(ByteBuffer()))
    }
    try await eventually("the link stands") { await a.ask("x", "2", of: node).text != nil }
    #expect(seen.all == ["2"], "and it never is")
  }

  @Test func aPeerThatComesBackAtTheSameEndpointIsFound() async throws {
    let directory = try TemporaryDirectory()
    let a = try start("a")
    defer { a.shutdown() }
    let path = "ipc://\(directory.path)/b"
    let b = try start("b") { $0.requestBind = path }
    a.connect(to: b.peer(incarnation: 1))
    #expect(await a.ask("x", "", of: b.nodeID).failureCode == .noResponder)
    b.shutdown()
    try await eventually("the break is seen") {
      await a.ask("x", "", of: b.nodeID).failureCode == .unreachable
    }
    let reborn = try start("b") { $0.requestBind = path }
    defer { reborn.shutdown() }
    try await eventually("the link is back") {
      await a.ask("x", "", of: b.nodeID).failureCode == .noResponder
    }
  }

  @Test func aSilentPeerCountsAsBroken() async throws {
    // A listening socket that never accepts: connected, but no ZMTP.
    let a = try start("a") { $0.connectGrace = .milliseconds(200) }
    let sink = try start("sink")
    defer {
      a.shutdown()
      sink.shutdown()
    }
    let node = try nodeID("b")
    a.connect(
      to: BusPeer(
        node: node, requestEndpoint: sink.publishEndpoint, publishEndpoint: "", incarnation: 1))
    let failure = await a.ask("x", "", of: node, timeout: .minutes(10))
    #expect(failure.failureCode == .unreachable, "a publisher does not shake hands with a dealer")
  }

  @Test func theWrongNodeAtAnEndpointRefuses() async throws {
    let (a, c) = (try start("a"), try start("c"))
    defer {
      a.shutdown()
      c.shutdown()
    }
    let called = Recorder<Bool>()
    _ = c.serve(try pattern(">")) { _ in called.append(true) }
    let node = try nodeID("b")
    a.connect(
      to: BusPeer(
        node: node, requestEndpoint: c.requestEndpoint, publishEndpoint: "", incarnation: 1))
    let failure = await a.ask("x", "", of: node, timeout: .seconds(1))
    #expect(failure.failureCode != nil)
    #expect(called.count == 0)
  }

  @Test func endpointsThatMakeNoSenseAreUnreachable() async throws {
    let a = try start("a")
    defer { a.shutdown() }
    let node = try nodeID("b")
    a.connect(
      to: BusPeer(node: node, requestEndpoint: "bad", publishEndpoint: "worse", incarnation: 1))
    #expect(await a.ask("x", "", of: node).failureCode == .unreachable)
    #expect(await a.ask("x", "", of: a.nodeID).failureCode == .noResponder, "the bus goes on")
  }

  @Test func aPeerThatTakesNothingFillsItsQueueOnly() async throws {
    let a = try start("a") {
      $0.outboundBytesPerPeer = 1 << 20
      $0.maximumMessageBytes = 1 << 20
    }
    let b = try start("b")
    defer {
      a.shutdown()
      b.shutdown()
    }
    a.connect(to: b.peer(incarnation: 1))
    let deaf = try await RawPeer(.dealer, .bind("tcp://127.0.0.1:*"), reads: false)
    let node = try nodeID("deaf")
    a.connect(
      to: BusPeer(
        node: node, requestEndpoint: deaf.endpoint, publishEndpoint: "", incarnation: 1))
    let results = Recorder<Answer>()
    let payload = ByteBuffer(repeating: 1, count: 256 << 10)
    let subject = try subject("x")
    var sent = 0
    try await eventually("the bound is reached", within: .seconds(20)) {
      for _ in 0..<8 {
        a.request(subject, payload: payload, to: node, timeout: .seconds(3), on: eventLoop) {
          results.append($0)
        }
      }
      sent += 8
      return results.all.contains { $0.failureCode == .overloaded }
    }
    #expect(a.statistics.overloadedRequests > 0)
    #expect(await a.ask("x", "", of: b.nodeID).failureCode == .noResponder, "others are served")
    let total = sent
    try await eventually("every request completes") { results.count == total }
  }

  @Test func shutdownFromAHandlerDoesNotHang() async throws {
    let a = try start("a")
    _ = a.serve(try pattern("end")) { request in
      a.shutdown()
      request.answer(.success(ByteBuffer()))
    }
    #expect(await a.ask("end", "", of: a.nodeID).failureCode == .closed)
  }

  @Test func publicationsTooLongLeaveAGap() async throws {
    let a = try start("a") { $0.maximumMessageBytes = 100 }
    defer { a.shutdown() }
    let (seen, _) = try a.record("x")
    a.publish(try subject("x"), payload: ByteBuffer(string: "1"))
    a.publish(try subject("x"), payload: ByteBuffer(repeating: 0, count: 101))
    a.publish(try subject("x"), payload: ByteBuffer(string: "3"))
    try await eventually("two arrive") { seen.count == 2 }
    #expect(seen.sequences == [1, 3])
    #expect(a.statistics.droppedPublications == 1)
  }
}
