import CloudstateModel
import NIOCore
import TestSupport
import Testing
import ZeroMQ

@testable import MessageBus

/// Buses with keys, over real sockets. That a bus with a key keeps the whole contract is tested with the
/// fabric `encrypted`.
@Suite("Buses with keys", .serialized)
struct EncryptedBusTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func start(
    _ name: String, _ key: BusKey?, log: LogRecorder = LogRecorder(),
    _ change: (inout ZeroMQBusConfiguration) -> Void = { _ in }
  ) throws -> ZeroMQMessageBus {
    var configuration = testConfiguration()
    configuration.key = key
    configuration.connectGrace = .milliseconds(300)
    change(&configuration)
    let bus = try ZeroMQMessageBus.start(
      configuration: configuration, nodeID: try nodeID(name), logger: log.logger)
    _ = bus.serve(try pattern("echo")) { $0.answer(.success($0.payload)) }
    return bus
  }

  private func expectLink(_ from: ZeroMQMessageBus, _ to: ZeroMQMessageBus) async throws {
    try await eventually("\(from.nodeID) reaches \(to.nodeID)") {
      await from.ask("echo", "hello", of: to.nodeID).text == "hello"
    }
  }

  /// Who comes to a bus with a key without having it.
  enum Stranger: CaseIterable {
    case withAnotherKey, withoutKey
    /// It knows the public key of the bus, as anybody may, but not the secret one.
    case withThePublicKey
  }

  @Test(
    "A stranger does not get in, both sides say so, and the members are not disturbed",
    arguments: Stranger.allCases)
  func strangers(stranger: Stranger) async throws {
    let (key, other) = (try BusKey.make(), try BusKey.make())
    let (log, strangeLog) = (LogRecorder(), LogRecorder())
    let (a, b) = (try start("a", key, log: log), try start("b", key))
    defer {
      a.shutdown()
      b.shutdown()
    }
    b.connect(to: a.peer(incarnation: 1))
    try await expectLink(b, a)
    let strangeKey: BusKey? =
      switch stranger {
      case .withAnotherKey: other
      case .withoutKey: nil
      case .withThePublicKey: BusKey(pair: other.pair, accepted: [key.pair.publicKey])
      }
    let c = try start("c", strangeKey, log: strangeLog)
    defer { c.shutdown() }
    c.connect(to: a.peer(incarnation: 1))
    let (seen, _) = try c.record(">")
    #expect(await c.ask("echo", "", of: a.nodeID).failureCode == .unreachable)
    try await eventually("both sides say so") {
      log.contains("the peer at 127.0.0.1") && log.contains("did not show an accepted key")
        && strangeLog.contains("the peer at \(a.requestEndpoint)")
    }
    #expect(a.statistics.refusedPeers > 0)
    #expect(c.statistics.refusedLinks > 0)
    switch stranger {
    case .withAnotherKey:
      #expect(log.contains("it was given the key of another bus"))
      #expect(strangeLog.contains("does not have an accepted key"))
    case .withoutKey:
      #expect(log.contains("it does not encrypt"))
      #expect(strangeLog.contains("wants a key, and this node shows none"))
    case .withThePublicKey:
      #expect(log.contains("a key that is not in the key file"))
      #expect(log.contains("\(other.pair.publicKey)"), "so that it can be put there")
      #expect(strangeLog.contains("does not accept the key of this node"))
    }
    // Attempts go on and talk does not.
    let attempts = a.statistics.refusedPeers
    try await eventually("it knocks again") { a.statistics.refusedPeers >= attempts + 2 }
    let lines = log.all.filter { $0.contains("did not show an accepted key") }
    #expect(Set(lines.map { $0.prefix { $0 != "[" } }).count == lines.count, "\(lines)")
    try a.publish("news", "secret")
    #expect(await b.ask("echo", "still", of: a.nodeID).text == "still")
    #expect(seen.count == 0)
    for secret in [key.pair.secretKey.text, other.pair.secretKey.text] {
      #expect(!log.contains(secret) && !strangeLog.contains(secret))
    }
  }

  @Test("A bus with a key does not talk to one without, and says what is wrong")
  func plainServer() async throws {
    let (log, plainLog) = (LogRecorder(), LogRecorder())
    let (a, plain) = (
      try start("a", try BusKey.make(), log: log), try start("plain", nil, log: plainLog)
    )
    defer {
      a.shutdown()
      plain.shutdown()
    }
    a.connect(to: plain.peer(incarnation: 1))
    #expect(await a.ask("echo", "", of: plain.nodeID).failureCode == .unreachable)
    try await eventually("both say so") {
      // Which of the two it sees depends on who closes first.
      (log.contains("does not encrypt, and this node has a --bus-key")
        || log.contains("does not have an accepted key, does not encrypt, or is no bus"))
        && plainLog.contains("it encrypts and this bus has no key")
    }
    #expect(plain.statistics.refusedPeers > 0)
  }

  @Test("Who was kept out gets in by itself once the other side accepts its key")
  func acceptedLater() async throws {
    let (key, other) = (try BusKey.make(), try BusKey.make())
    let endpoints = ["r", "p"].map { "ipc://\(directory.path)/\($0)" }
    func startA(_ key: BusKey?) throws -> ZeroMQMessageBus {
      try start("a", key) { ($0.requestBind, $0.publishBind) = (endpoints[0], endpoints[1]) }
    }
    let c = try start("c", BusKey(pair: other.pair, accepted: [key.pair.publicKey]))
    defer { c.shutdown() }
    let (seen, _) = try c.record("news")
    for first in [key, nil] {
      let closed = try startA(first)
      c.connect(to: closed.peer(incarnation: first == nil ? 1 : 2))
      try await eventually("it is kept out") {
        await c.ask("echo", "", of: closed.nodeID).failureCode == .unreachable
          && c.statistics.refusedLinks > 0
      }
      closed.shutdown()
      let open = try startA(BusKey(pair: key.pair, accepted: [other.pair.publicKey]))
      try await expectLink(c, open)
      let before = seen.count
      try await eventually("publications come, too") {
        try open.publish("news", "x")
        return seen.count > before
      }
      open.shutdown()
    }
  }

  // MARK: Replacing a key

  /// The key files of a member from before the replacement until after it.
  private func steps() throws -> [BusKey] {
    let (old, new) = (try BusKey.make(), try BusKey.make())
    return [
      old, BusKey(pair: old.pair, accepted: [new.pair.publicKey]),
      BusKey(pair: new.pair, accepted: [old.pair.publicKey]), new,
    ]
  }

  @Test(
    "Members at neighbouring steps of a replacement reach each other, both ways",
    arguments: [(0, 1), (1, 1), (1, 2), (2, 2), (2, 3)])
  func neighbouringSteps(first: Int, second: Int) async throws {
    let steps = try steps()
    let (a, b) = (try start("a", steps[first]), try start("b", steps[second]))
    defer {
      a.shutdown()
      b.shutdown()
    }
    let (seenByA, _) = try a.record("news")
    let (seenByB, _) = try b.record("news")
    a.connect(to: b.peer(incarnation: 1))
    b.connect(to: a.peer(incarnation: 1))
    try await expectLink(a, b)
    try await expectLink(b, a)
    try await eventually("publications come, too") {
      try a.publish("news", "a")
      try b.publish("news", "b")
      return seenByA.texts.contains("news=b") && seenByB.texts.contains("news=a")
    }
  }

  @Test("Members two steps apart do not", arguments: [(0, 2), (1, 3), (0, 3)])
  func stepsApart(first: Int, second: Int) async throws {
    let steps = try steps()
    let (a, b) = (try start("a", steps[first]), try start("b", steps[second]))
    defer {
      a.shutdown()
      b.shutdown()
    }
    a.connect(to: b.peer(incarnation: 1))
    b.connect(to: a.peer(incarnation: 1))
    #expect(await a.ask("echo", "", of: b.nodeID).failureCode == .unreachable)
    #expect(await b.ask("echo", "", of: a.nodeID).failureCode == .unreachable)
  }

  @Test("A link follows its peer, which restarts with the files of all steps")
  func rolling() async throws {
    let steps = try steps()
    let endpoints = ["r", "p"].map { "ipc://\(directory.path)/\($0)" }
    func startB(_ step: Int) throws -> ZeroMQMessageBus {
      try start("b", steps[step]) {
        ($0.requestBind, $0.publishBind) = (endpoints[0], endpoints[1])
      }
    }
    let a = try start("a", steps[1])
    defer { a.shutdown() }
    let (seen, _) = try a.record("news")
    for step in [0, 1, 2, 1] {
      let b = try startB(step)
      if step == 0 { a.connect(to: b.peer(incarnation: 1)) }
      try await expectLink(a, b)
      let before = seen.count
      try await eventually("publications come, too") {
        try b.publish("news", "\(step)")
        return seen.count > before
      }
      b.shutdown()
    }
  }

  // MARK: The wire

  @Test(
    "What passes can be read on the wire without a key, and cannot with one",
    arguments: [false, true])
  func wire(hasKey: Bool) async throws {
    let key = hasKey ? try BusKey.make() : nil
    let (a, b) = (try start("a", key), try start("b", key))
    defer {
      a.shutdown()
      b.shutdown()
    }
    let (requests, publications) = (
      try await WireTap(before: b.requestEndpoint), try await WireTap(before: b.publishEndpoint)
    )
    a.connect(
      to: BusPeer(
        node: b.nodeID, requestEndpoint: requests.endpoint,
        publishEndpoint: publications.endpoint, incarnation: 1))
    let (seen, _) = try a.record("news.of.the.day")
    try await eventually("the link stands") {
      await a.ask("echo", "attack at dawn", of: b.nodeID).text == "attack at dawn"
    }
    try await eventually("publications come") {
      try b.publish("news.of.the.day", "retreat at dusk")
      return seen.count > 0
    }
    #expect(requests.byteCount > 100 && publications.byteCount > 100)
    for text in ["attack at dawn", "echo"] { #expect(requests.saw(text) == !hasKey, "\(text)") }
    for text in ["retreat at dusk", "news.of.the.day"] {
      #expect(publications.saw(text) == !hasKey, "\(text)")
    }
  }
}
