import CloudstateModel
import CloudstateProtocol
import Eventing
import NIOCore
import ShardStore
import TestSupport
import Testing

/// Tails under random commits, page sizes, lost notices, owners that go away, full connections and
/// reconnects: every matching event arrives exactly once, in the order of its shard.
@Suite struct TailSimulationTests {
  @Test("Exactly once, in shard order", arguments: 0..<4)
  func exactlyOnce(run: Int) throws {
    let seed = testSeed("tail simulation \(run)")
    for offset in 0..<20 {
      var world = try TailWorld(seed: seed &+ UInt64(offset))
      try world.run()
    }
  }
}

/// A service of a few shards, one tail of it, and a client that reconnects.
private struct TailWorld {
  private static let shardCount: UInt32 = 3
  private static let patterns = [[], ["cs.evt.cart.*.*.Added"], ["cs.evt.*.carts.user1.>"]]

  private let seed: UInt64
  private var random: SeededGenerator
  private var now = 0
  private var streams = [[StreamBatch]](repeating: [], count: Int(shardCount))
  private var unreachable: Set<UInt32> = []
  private let subjects: [String]
  private var machine: TailMachine
  private var isWritable = true
  private var lookups: [(shard: UInt32, TailMachine.Lookup)] = []
  /// Sent by the server and not yet received by the client.
  private var wire: [TailMachine.Action] = []
  private var client = Client()

  /// What a client keeps over its connections.
  private struct Client {
    var complete: [UInt32: Position] = [:]
    var lastSeen: [UInt32: (position: Position, index: Int)] = [:]
    var received: [UInt32: [String]] = [:]

    mutating func receive(_ action: TailMachine.Action) {
      switch action {
      case .send(let match):
        // After a reconnect the events of a batch that was cut come again, and only those.
        if let seen = lastSeen[match.shard],
          (match.position, match.index) <= (seen.position, seen.index)
        {
          return
        }
        lastSeen[match.shard] = (match.position, match.index)
        received[match.shard, default: []].append("\(match.position)/\(match.index)")
        if match.isLastOfBatch { complete[match.shard] = match.position }
      case .progress(let cursors, _):
        for cursor in cursors { complete[cursor.shard] = cursor.position }
      default: break
      }
    }
  }

  init(seed: UInt64) throws {
    self.seed = seed
    random = SeededGenerator(seed: seed)
    subjects = Self.patterns.randomElement(using: &random) ?? []
    machine = try Self.machine(subjects, [:], now: 0)
  }

  mutating func run() throws {
    for _ in 0..<400 {
      now += Int.random(in: 0...300, using: &random)
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<5: commit()
      case 5: toggleOwner()
      case 6:
        isWritable.toggle()
        machine.writabilityChanged(isWritable)
      case 7 where Int.random(in: 0..<4, using: &random) == 0: try reconnect()
      case 8..<14: answerOne()
      default: receiveSome()
      }
      perform()
    }
    try settle()
    try check()
  }

  private static func machine(
    _ subjects: [String], _ cursors: [UInt32: Position], now: Int
  ) throws -> TailMachine {
    let plan = try tailPlan(shardCount: shardCount) {
      $0.subjects = subjects
      $0.start = .all
      $0.cursors = cursors.map { cursor($0.key, $0.value.number) }
    }
    var settings = TailSettings()
    settings.maximumOutstandingReads = 2
    return TailMachine(
      plan: plan, settings: settings, now: moment(now), wallClock: Timestamp(unixMilliseconds: 1))
  }

  private mutating func commit() {
    let shard = UInt32.random(in: 0..<Self.shardCount, using: &random)
    let position = UInt64(streams[Int(shard)].count + 1)
    let types = (0..<Int.random(in: 0...3, using: &random)).map { _ in
      Bool.random(using: &random) ? "Added" : "Removed"
    }
    let entity = Bool.random(using: &random) ? "user1" : "user2"
    streams[Int(shard)].append(batch(position, entity: entity, types: types))
    // Notices may be lost.
    if Bool.random(using: &random) {
      machine.noticed(shard, position: Position(position), now: moment(now))
    }
  }

  private mutating func toggleOwner() {
    let shard = UInt32.random(in: 0..<Self.shardCount, using: &random)
    if unreachable.remove(shard) == nil { unreachable.insert(shard) }
  }

  private mutating func reconnect() throws {
    wire = []
    lookups = []
    isWritable = true
    machine = try Self.machine(subjects, client.complete, now: now)
  }

  private mutating func answerOne() {
    guard let index = lookups.indices.randomElement(using: &random) else { return }
    let (shard, lookup) = lookups.remove(at: index)
    let stream = streams[Int(shard)]
    let last = Position(UInt64(stream.count))
    let failure = StreamReadFailure("away")
    let isAway = unreachable.contains(shard)
    switch lookup {
    case .read(let after, _):
      let count = Int.random(in: 1...4, using: &random)
      let page = Array(stream.dropFirst(Int(after.number)).prefix(count))
      machine.answered(
        shard,
        page: isAway ? .failure(failure) : .success(StreamPage(batches: page, lastPosition: last)),
        now: moment(now))
    case .lastPosition, .poll, .locate:
      machine.answered(
        shard, position: isAway ? .failure(failure) : .success(last), now: moment(now))
    }
  }

  private mutating func receiveSome() {
    for _ in 0..<Int.random(in: 0...6, using: &random) where !wire.isEmpty {
      client.receive(wire.removeFirst())
    }
  }

  private mutating func perform() {
    for action in machine.actions(now: moment(now)) {
      if let lookup = action.lookup { lookups.append(lookup) } else { wire.append(action) }
    }
    let reads = lookups.filter { if case .read = $0.1 { true } else { false } }
    #expect(reads.count <= 2, "seed \(seed): too many reads at once")
    #expect(
      Set(lookups.map(\.shard)).count == lookups.count, "seed \(seed): two lookups of one shard")
  }

  /// Mends everything and lets the tail come to rest.
  private mutating func settle() throws {
    unreachable = []
    isWritable = true
    machine.writabilityChanged(true)
    for _ in 0..<2000 {
      now += 100
      perform()
      while !lookups.isEmpty {
        answerOne()
        perform()
      }
      while !wire.isEmpty { client.receive(wire.removeFirst()) }
      if isComplete { return }
    }
  }

  private var isComplete: Bool {
    streams.indices.allSatisfy { index in
      let shard = UInt32(index)
      let isRelevant = relevantShards.contains(shard)
      return !isRelevant || client.complete[shard] == Position(UInt64(streams[index].count))
    }
  }

  private var filter: SubjectFilter {
    get throws {
      SubjectFilter(
        patterns: subjects.compactMap { SubjectPattern($0) }, service: try testService())
    }
  }

  private var relevantShards: [UInt32] {
    (try? filter.relevantShards(shardCount: Self.shardCount)) ?? []
  }

  private func check() throws {
    let filter = try filter
    for shard in relevantShards {
      let expected = streams[Int(shard)].flatMap { batch in
        filter.matches(in: batch, of: shard).map { "\($0.position)/\($0.index)" }
      }
      #expect(client.received[shard] ?? [] == expected, "seed \(seed), shard \(shard)")
      let end = Position(UInt64(streams[Int(shard)].count))
      #expect(client.complete[shard] == end, "seed \(seed): the tail stopped before the end")
    }
  }
}
