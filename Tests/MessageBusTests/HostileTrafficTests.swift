import CloudstateModel
import MessageBus
import NIOCore
import TestSupport
import Testing
import ZeroMQ

@testable import MessageBus

@Suite("Whatever arrives at the sockets, the bus goes on")
struct HostileTrafficTests {
  /// A bus that answers and one that asks, linked.
  private struct Pair {
    let harness: BusHarness
    let asking: any TestableBus
    let serving: ZeroMQMessageBus

    init() async throws {
      harness = try BusHarness(.tcp)
      asking = try harness.start("a")
      serving = try #require(try harness.start("b") as? ZeroMQMessageBus)
      try await harness.link(asking, serving)
      _ = serving.serve(try pattern("echo")) { $0.answer(.success($0.payload)) }
    }

    func expectService(_ comment: Comment) async {
      #expect(await asking.ask("echo", "hello", of: serving.nodeID).text == "hello", comment)
    }
  }

  @Test func garbageOverTCP() async throws {
    let pair = try await Pair()
    var random = SeededGenerator(seed: testSeed("garbageOverTCP"))
    for endpoint in [pair.serving.requestEndpoint, pair.serving.publishEndpoint] {
      let before = pair.serving.statistics.failedHandshakes
      for length in [0, 1, 10, 64, 5000] {
        let socket = try RawTCP(endpoint)
        socket.send((0..<length).map { _ in UInt8.random(in: 0...255, using: &random) })
        socket.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
      }
      await pair.expectService("after garbage at \(endpoint)")
      try await eventually("failed handshakes are counted") {
        pair.serving.statistics.failedHandshakes > before
      }
    }
  }

  @Test func garbageOverZeroMQ() async throws {
    let pair = try await Pair()
    var random = SeededGenerator(seed: testSeed("garbageOverZeroMQ"))
    let peer = try await RawPeer(.dealer, .connect(pair.serving.requestEndpoint))
    var messages: [[[UInt8]]] = [
      [[]], [[], []], [Array("CS".utf8)], [[0x43, 0x53, 2]], [[0x43, 0x53, 1]],
      Array(repeating: [1, 2, 3], count: 50),
    ]
    for _ in 0..<200 {
      let length = Int.random(in: 0...100, using: &random)
      messages.append([(0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }])
    }
    for message in messages { peer.send(message) }
    try await eventually("all are counted") {
      pair.serving.statistics.malformedMessages == UInt64(messages.count)
    }
    await pair.expectService("after \(messages.count) malformed messages")
  }

  @Test func wellFormedMessagesInTheWrongPlace() async throws {
    let pair = try await Pair()
    let peer = try await RawPeer(.dealer, .connect(pair.serving.requestEndpoint))
    let stranger = MessageHeader(source: try nodeID("stranger"), start: 1, target: nil)
    let misplaced: [Envelope] = [
      .answer(id: 1, payload: ByteBuffer(string: "forged")),
      .failure(id: 2, BusError(.rejected, "forged")),
      .publication(sequence: 1, subject: try subject("echo"), payload: ByteBuffer()),
    ]
    var message = ByteBuffer()
    message.writeHeader(stranger)
    misplaced.forEach { message.writeEnvelope($0) }
    peer.send([Array(message.readableBytesView)])
    try await eventually("they are counted") { pair.serving.statistics.malformedMessages == 3 }

    // A stranger that keeps to the format is served like anyone.
    var request = ByteBuffer()
    request.writeHeader(stranger)
    request.writeEnvelope(
      .request(id: 77, subject: try subject("echo"), payload: ByteBuffer(string: "hi")))
    peer.send([Array(request.readableBytesView)])
    try await eventually("the stranger is answered") { peer.received.count == 1 }
    let reply = try IncomingMessage(ByteBuffer(bytes: try #require(peer.received.all.first?.first)))
    guard case .answer(77, let payload)? = reply.envelopes.first else {
      Issue.record("no answer to request 77: \(reply.envelopes)")
      return
    }
    #expect(String(buffer: payload) == "hi")
    await pair.expectService("after misplaced messages")
  }

  @Test func tooLargeFramesEndTheirConnectionOnly() async throws {
    let pair = try await Pair()
    let peer = try await RawPeer(.dealer, .connect(pair.serving.requestEndpoint))
    peer.send([[UInt8](repeating: 0, count: 3 << 20)])
    await pair.expectService("after a frame over the limit")
    #expect(pair.serving.statistics.malformedMessages == 0, "it was never taken in")
  }

  @Test func aFalsePeerCannotAnswer() async throws {
    let harness = try BusHarness(.tcp)
    let bus = try #require(try harness.start("a") as? ZeroMQMessageBus)
    let peer = try await RawPeer(.router, .bind("tcp://127.0.0.1:*"))
    let node = try nodeID("b")
    bus.connect(
      to: BusPeer(
        node: node, requestEndpoint: peer.endpoint, publishEndpoint: "",
        incarnation: 1))
    async let pending = bus.ask("x", "", of: node, timeout: .seconds(20))
    try await eventually("the request arrives") { peer.received.count == 1 }
    let route = try #require(peer.received.all.first?.first)
    func answer(from source: String, id: UInt64) throws -> [UInt8] {
      var message = ByteBuffer()
      message.writeHeader(MessageHeader(source: try nodeID(source), start: 1, target: nil))
      message.writeEnvelope(.answer(id: id, payload: ByteBuffer(string: source)))
      return Array(message.readableBytesView)
    }
    peer.send([route, [1, 2, 3]])
    peer.send([route, try answer(from: "c", id: 1)])
    peer.send([route, try answer(from: "b", id: 4711)])
    peer.send([route, try answer(from: "b", id: 1)])
    #expect(await pending.text == "b", "the only answer from the right node to the right request")
    #expect(bus.statistics.malformedMessages == 2)
    #expect(bus.statistics.lateAnswers == 1)
  }

  @Test func aFalsePublisherIsIgnored() async throws {
    let harness = try BusHarness(.tcp)
    let bus = try #require(try harness.start("a") as? ZeroMQMessageBus)
    let peer = try await RawPeer(.publish, .bind("tcp://127.0.0.1:*"), reads: false)
    let node = try nodeID("b")
    let (ready, _) = try bus.record("ready")
    let (seen, _) = try bus.record("a.b")
    bus.connect(
      to: BusPeer(
        node: node, requestEndpoint: "ipc:///nonexistent/socket",
        publishEndpoint: peer.endpoint, incarnation: 1))
    func publication(_ source: String, _ text: String, _ sequence: UInt64) throws -> [UInt8] {
      var message = ByteBuffer()
      message.writeHeader(MessageHeader(source: try nodeID(source), start: 9, target: nil))
      message.writeEnvelope(
        .publication(sequence: sequence, subject: try subject(text), payload: ByteBuffer()))
      return Array(message.readableBytesView)
    }
    var probes: UInt64 = 0
    try await eventually("the subscription is in effect") {
      probes += 1
      peer.send([Array("ready\0".utf8), try publication("b", "ready", probes)])
      return ready.count > 0
    }
    let topic = Array("a.b\0".utf8)
    peer.send([topic, try publication("b", "a.b", 1)])
    for message in [
      [topic], [topic, [1]], [topic, [], []], [topic, try publication("c", "a.b", 2)],
      [topic, try publication("b", "a.c", 2)],
    ] {
      peer.send(message)
    }
    peer.send([topic, try publication("b", "a.b", 5)])
    try await eventually("the good ones arrive") { seen.count == 2 }
    #expect(bus.statistics.malformedMessages == 5)
    #expect(seen.sequences == [1, 3], "numbers 2 to 4 are missing: one jump")
  }
}
