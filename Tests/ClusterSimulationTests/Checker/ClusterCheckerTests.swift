import CloudstateModel
import ClusterSimulation
import ShardStore
import Testing

@Suite("What primaries, plans and copies promise")
struct ClusterCheckerTests {
  private let shard: ShardID
  private let first: NodeID
  private let second: NodeID

  init() throws {
    shard = ShardID(service: try #require(ServiceName("s")), index: 0)
    first = try #require(NodeID("a"))
    second = try #require(NodeID("b"))
  }

  private func mark(_ position: UInt64, _ epoch: UInt64 = 1, hash: UInt64 = 0) -> BatchMark {
    BatchMark(position: Position(position), epoch: Epoch(epoch), hash: hash)
  }

  // MARK: Confirmations

  @Test("Primaries that follow each other confirm the same batches")
  func confirmations() {
    var checker = ConfirmationChecker()
    #expect(checker.confirmed([mark(1)], of: shard, under: Epoch(1), by: first) == nil)
    #expect(
      checker.confirmed([mark(1), mark(2, 2)], of: shard, under: Epoch(2), by: second) == nil)
    #expect(checker.violation(of: shard, against: [mark(1), mark(2, 2), mark(3, 2)]) == nil)
  }

  @Test("Two nodes under one epoch")
  func twoPrimaries() {
    var checker = ConfirmationChecker()
    _ = checker.confirmed([mark(1)], of: shard, under: Epoch(1), by: first)
    #expect(
      checker.confirmed([mark(2)], of: shard, under: Epoch(1), by: second)?.property == .onePrimary)
  }

  @Test("Another batch at a confirmed position")
  func rewritten() {
    var checker = ConfirmationChecker()
    _ = checker.confirmed([mark(1)], of: shard, under: Epoch(1), by: first)
    #expect(
      checker.confirmed([mark(1, 2)], of: shard, under: Epoch(2), by: second)?.property
        == .onePrimary)
  }

  @Test("Confirmed batches that are gone, or others, in the end")
  func unconfirmed() {
    var checker = ConfirmationChecker()
    _ = checker.confirmed([mark(1), mark(2)], of: shard, under: Epoch(1), by: first)
    #expect(checker.violation(of: shard, against: [mark(1)])?.property == .durable)
    #expect(
      checker.violation(of: shard, against: [mark(1), mark(2, hash: 5)])?.property == .durable)
  }

  // MARK: Plans

  private func assignment(_ primary: NodeID, _ epoch: UInt64) -> ShardAssignment {
    ShardAssignment(shard: shard, primary: primary, epoch: Epoch(epoch))
  }

  @Test("A process follows epochs forward, and begins anew when it is started anew")
  func plans() {
    var checker = PlanChecker()
    #expect(checker.followed(assignment(first, 1), by: "a", life: 1) == nil)
    #expect(checker.followed(assignment(first, 3), by: "a", life: 1) == nil)
    #expect(checker.followed(assignment(first, 1), by: "b", life: 1) == nil)
    #expect(checker.followed(assignment(first, 1), by: "a", life: 3) == nil)
  }

  @Test("An epoch backwards, and one epoch given out twice")
  func plansBackwards() {
    var checker = PlanChecker()
    _ = checker.followed(assignment(first, 2), by: "a", life: 1)
    #expect(checker.followed(assignment(first, 1), by: "a", life: 1)?.property == .plan)
    #expect(checker.followed(assignment(second, 2), by: "b", life: 1)?.property == .plan)
  }

  // MARK: Copies

  private func delta(_ position: UInt64, key: String? = nil) -> ShardDelta {
    ShardDelta(
      position: Position(position), epoch: Epoch(1), time: Timestamp(unixMilliseconds: 0),
      entity: EntityKey(persistenceID: "p", entityID: "e"), firstSequence: .none, events: [],
      idempotency: key.map { IdempotencyRecord(key: $0, commandFingerprint: 1, answer: []) })
  }

  private func compare(_ left: [ShardDelta], _ right: [ShardDelta]) -> Property? {
    CopyChecker.violation(of: shard, primary: (first, left), copy: (second, right))?.property
  }

  @Test("Copies are equal, or they are not")
  func copies() {
    let batches = [delta(1), delta(2, key: "k")]
    #expect(compare(batches, batches) == nil)
    #expect(compare(batches, [delta(1)]) == .copies)
    #expect(compare([delta(1)], batches) == .copies)
    #expect(compare(batches, [delta(1), delta(2)]) == .copies)
  }
}
