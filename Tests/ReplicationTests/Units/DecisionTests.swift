import CloudstateModel
import NIOCore
import ReplicatedData
import ShardStore
import TestSupport
import Testing

@testable import Replication

@Suite("Confirmation of one change")
struct ConfirmationRoundTests {
  private let b: NodeID
  private let c: NodeID

  init() throws {
    b = try #require(NodeID("b"))
    c = try #require(NodeID("c"))
  }

  @Test("it is reached by enough nodes, each counted once")
  func reached() {
    var round = ConfirmationRound(needed: 2, peers: [b, c])
    let first = [round.confirmed(by: b), round.confirmed(by: b)]
    #expect(first == [.wait, .wait])
    #expect(!round.isReached)
    let second = [round.confirmed(by: c), round.confirmed(by: c)]
    #expect(second == [.reached, .wait], "once")
    #expect(round.isReached)
  }

  @Test("a node that failed is asked again until it is not needed")
  func retry() throws {
    var round = ConfirmationRound(needed: 1, peers: [b, c])
    #expect(round.failed(at: b) == .retry(b))
    let stranger = try #require(NodeID("stranger"))
    let steps = [round.confirmed(by: stranger), round.confirmed(by: c)]
    #expect(steps == [.wait, .reached])
    #expect(round.failed(at: b) == .wait)
    var other = ConfirmationRound(needed: 2, peers: [b, c])
    _ = other.confirmed(by: b)
    #expect(other.failed(at: b) == .wait, "a late failure of one that has confirmed")
  }

  @Test("without others it is reached from the start")
  func alone() { #expect(ConfirmationRound(needed: 0, peers: []).isReached) }
}

@Suite("Which node to compare with next")
struct ComparisonAgendaTests {
  private let b: NodeID
  private let c: NodeID

  init() throws {
    b = try #require(NodeID("b"))
    c = try #require(NodeID("c"))
  }

  private func time(_ seconds: Int64) -> NIODeadline {
    .uptimeNanoseconds(1_000_000_000_000) + .seconds(seconds)
  }

  @Test("each node once, urgent ones first")
  func order() {
    var agenda = ComparisonAgenda(interval: .seconds(2))
    agenda.add(b, isUrgent: false)
    agenda.add(c, isUrgent: true)
    agenda.add(c, isUrgent: false)
    let taken = (0..<3).map { _ in agenda.next(now: time(0)) }
    #expect(taken == [c, b, nil])
  }

  @Test("a node comes again after the interval, or at once when it is urgent")
  func interval() {
    var agenda = ComparisonAgenda(interval: .seconds(2))
    agenda.add(b, isUrgent: false)
    _ = agenda.next(now: time(0))
    agenda.add(b, isUrgent: false)
    let (early, due) = (agenda.next(now: time(1)), agenda.next(now: time(2)))
    #expect(early == nil)
    #expect(due == b)
    agenda.add(b, isUrgent: false)
    agenda.add(b, isUrgent: true)
    let urgent = agenda.next(now: time(2))
    #expect(urgent == b)
  }
}

@Suite("Digests of all copies")
struct DigestBoardTests {
  @Test("it tells what copies there are, whatever the order of changes")
  func order() {
    let (left, right) = (DigestBoard(), DigestBoard())
    #expect(left.summary == right.summary)
    for index in 0..<100 { left.replace(entity("\(index)"), 0, by: UInt64(index) + 1) }
    #expect(left.summary != right.summary)
    for index in (0..<100).reversed() {
      right.replace(entity("\(index)"), 0, by: 7)
      right.replace(entity("\(index)"), 7, by: UInt64(index) + 1)
    }
    #expect(left.all == right.all)
    #expect(left.summary == right.summary)
    for index in 0..<100 { left.replace(entity("\(index)"), UInt64(index) + 1, by: 0) }
    #expect(left.all == DigestBoard().all)
  }

  @Test("two entities that change places show, and each in its bucket")
  func places() {
    let (left, right) = (DigestBoard(), DigestBoard())
    left.replace(entity("a"), 0, by: 1)
    left.replace(entity("b"), 0, by: 2)
    right.replace(entity("a"), 0, by: 2)
    right.replace(entity("b"), 0, by: 1)
    #expect(left.summary != right.summary)
    let buckets = Set(["a", "b"].map { Int(ReplicaBucket(of: entity($0)).index) })
    for (index, digest) in left.all.enumerated() {
      #expect((digest != 0) == buckets.contains(index))
    }
  }
}

@Suite("What a copy writes")
struct ReplicaCopyTests {
  private let replica: ReplicaID

  init() throws { replica = try #require(ReplicaID("a/1")) }

  /// Makes changes and keeps what a store would hold.
  private struct Written {
    var parts: [[UInt8]] = []
    var deltas = 0
    var bytes = 0

    mutating func take(_ write: ReplicaWrite) throws {
      switch write.change {
      case .delta(let bytes, let number):
        try #require(number == UInt64(deltas) + 1)
        parts.append(bytes)
        deltas += 1
        self.bytes += bytes.count
      case .whole(let bytes, let replaced):
        try #require(replaced == UInt64(deltas), "every delta is replaced")
        parts = [bytes]
        deltas = 0
        self.bytes += bytes.count
      }
    }
  }

  @Test("changes are written alone until they take as much room as the whole")
  func compaction() throws {
    let copy = ReplicaCopy(entity: entity("a"))
    var value = ReplicatedValue(.gset)
    var written = Written()
    var changeBytes = 0
    for index in 0..<2000 {
      let element = DataElement(typeURL: "t", value: [UInt8(index & 0xff), UInt8(index >> 8)])
      let change = try value.apply(.gset(added: [element]), replica: replica, now: 0)
      copy.state = .live(value)
      let encoded = ReplicatedEntityState.live(change).encoded()
      changeBytes += encoded.count
      try written.take(copy.write(for: encoded))
      copy.wholeIsStored()
      #expect(copy.approximateBytes == written.parts.reduce(0) { $0 + $1.count })
    }
    let stored = StoredReplica(
      entity: entity("a"), parts: written.parts, lastNumber: UInt64(written.deltas))
    let content = try ReplicaContent(stored)
    #expect(content.state == .live(value))
    #expect(content.digest == ReplicatedEntityState.live(value).digest)
    let whole = ReplicatedEntityState.live(value).encoded().count
    #expect(written.parts.reduce(0) { $0 + $1.count } <= 3 * whole + 4096, "what is read")
    #expect(written.bytes <= 6 * changeBytes, "what was written")
    // A copy that was read goes on where the writer stopped.
    let reader = ReplicaCopy(entity: entity("a"))
    reader.loaded(content)
    #expect(reader.approximateBytes == copy.approximateBytes)
    let (left, right) = (copy.write(for: [1]).change, reader.write(for: [1]).change)
    #expect(left == right)
  }

  @Test(
    "after a failed write the whole copy is written, with all deltas that may be stored replaced")
  func afterFailure() throws {
    let copy = ReplicaCopy(entity: entity("a"))
    copy.state = .live(ReplicatedValue(.flag))
    _ = copy.write(for: [1])
    _ = copy.write(for: [1])
    copy.needsWholeWrite = true
    let whole = ReplicatedEntityState.live(ReplicatedValue(.flag)).encoded()
    #expect(copy.write(for: [1]).change == .whole(whole, replacingDeltasUpTo: 2))
    #expect(copy.write(for: [1]).change == .delta([1], number: 1))
  }

  @Test("a deletion takes the place of all that was stored")
  func deletion() {
    let copy = ReplicaCopy(entity: entity("a"))
    copy.state = .live(ReplicatedValue(.flag))
    _ = copy.write(for: [1])
    copy.state = .deleted
    let mark = ReplicatedEntityState.deleted.encoded()
    #expect(copy.write(for: mark).change == .whole(mark, replacingDeltasUpTo: 1))
  }

  @Test("a stored part that nobody has written is named")
  func unreadable() throws {
    let stored = StoredReplica(entity: entity("a"), parts: [[9, 9]], lastNumber: 0)
    let error = try #require(throws: StoreError.self) { try ReplicaContent(stored) }
    #expect(error.code == .corruptRecord)
    #expect(error.message.contains("things|a"))
    #expect(try ReplicaContent(nil).state == nil)
  }
}

@Suite("The name for changes")
struct ReplicaIdentityTests {
  @Test("it belongs to the disk")
  func disks() throws {
    let node = try #require(NodeID("a"))
    let disk = InMemoryDisk()
    let first = try ReplicaIdentity.claim(InMemoryShardStore(disk: disk), nodeID: node, random: 1)
    let again = try ReplicaIdentity.claim(InMemoryShardStore(disk: disk), nodeID: node, random: 2)
    let other = try ReplicaIdentity.claim(InMemoryShardStore(), nodeID: node, random: 2)
    #expect(first == again)
    #expect(first != other)
    #expect(first != ReplicaIdentity.unnamed(node))
  }

  @Test("one that cannot be read is not replaced")
  func unreadable() throws {
    let store = try InMemoryShardStore()
    try store.setMetadata(ReplicaIdentity.documentName, to: [0xff])
    let node = try #require(NodeID("a"))
    for _ in 0..<2 {
      let error = try #require(throws: StoreError.self) {
        try ReplicaIdentity.claim(store, nodeID: node, random: 1)
      }
      #expect(error.code == .corruptRecord)
    }
  }

  @Test("the longest node name has room")
  func longName() throws {
    let node = try #require(NodeID(String(repeating: "n", count: NodeID.maximumLength)))
    _ = ReplicaIdentity.unnamed(node)
    let name = try ReplicaIdentity.claim(InMemoryShardStore(), nodeID: node, random: .max)
    #expect(name.text.hasPrefix(node.text))
  }
}
