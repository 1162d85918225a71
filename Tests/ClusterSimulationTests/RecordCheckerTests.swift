import CloudstateModel
import ClusterControl
import ClusterSimulation
import Testing

@Suite("The record of coordinators")
struct RecordCheckerTests {
  private func record(
    _ version: UInt64, plan number: UInt64 = 1, reason: String = "", identity: String = "one"
  ) -> CoordinatorRecord {
    CoordinatorRecord(
      coordinatorID: identity, version: version,
      plan: Plan(
        number: number, reason: reason, createdAt: Timestamp(unixMilliseconds: 0), shards: []))
  }

  @Test("Goes forward from leader to leader")
  func forward() {
    var checker = RecordChecker()
    for (record, fence) in [
      (record(1), Int64(2)), (record(2), 2), (record(3, plan: 2), 7), (record(9, plan: 4), 7),
    ] {
      #expect(checker.kept(record, fence: fence) == nil)
    }
  }

  @Test("Does not go back, in any of its numbers")
  func back() {
    for (next, fence) in [
      (record(6, plan: 5), Int64(6)), (record(5, plan: 5), 7), (record(4, plan: 5), 7),
      (record(6, plan: 4), 7), (record(6, plan: 5, reason: "another"), 7),
      (record(6, plan: 5, identity: "two"), 7),
    ] {
      var checker = RecordChecker()
      #expect(checker.kept(record(5, plan: 5), fence: 7) == nil)
      #expect(checker.kept(next, fence: fence)?.property == .record, "\(next) by \(fence)")
    }
  }

  @Test("Is published with one content under each number")
  func published() {
    var checker = RecordChecker()
    #expect(checker.published(record(1, plan: 1).view) == nil)
    #expect(checker.published(record(3, plan: 2).view) == nil)
    // Nodes that were away hear again what they missed.
    #expect(checker.published(record(1, plan: 1).view) == nil)
    #expect(checker.published(record(1, plan: 1, reason: "another").view) != nil)
    #expect(checker.published(record(4, plan: 2, reason: "another").view) != nil)
  }
}
