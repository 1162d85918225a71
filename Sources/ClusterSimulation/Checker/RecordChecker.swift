import CloudstateModel
package import ClusterControl

/// What coordinators keep and publish: the record goes forward only, by leaders that follow each other, and nothing is
/// published twice with different content.
package struct RecordChecker: Sendable {
  private var kept: CoordinatorRecord?
  private var fence: Int64 = 0
  private var views: [UInt64: ClusterView] = [:]
  private var plans: [UInt64: Plan] = [:]

  package init() {}

  /// A record was written, by the leader of this fence.
  package mutating func kept(_ record: CoordinatorRecord, fence: Int64) -> Violation? {
    defer {
      kept = record
      self.fence = max(self.fence, fence)
    }
    guard fence >= self.fence else {
      return Violation(
        .record,
        "the leader from revision \(fence) writes after the one from revision \(self.fence)")
    }
    guard let before = kept else { return nil }
    guard record.coordinatorID == before.coordinatorID else {
      return Violation(
        .record, "\(record.coordinatorID) is kept in the place of \(before.coordinatorID)")
    }
    guard record.version > before.version else {
      return Violation(
        .record, "version \(record.version) is kept after version \(before.version)")
    }
    let (number, last) = (record.plan.number, before.plan.number)
    guard number > last || number == last && record.plan == before.plan else {
      return Violation(
        .record,
        number == last
          ? "plan \(number) is kept twice, and differs" : "plan \(number) is kept after \(last)")
    }
    return nil
  }

  /// Somebody was told of a view.
  package mutating func published(_ view: ClusterView) -> Violation? {
    if let known = views[view.version] {
      if known == view { return nil }
      return Violation(.record, "version \(view.version) is published twice, and differs")
    }
    views[view.version] = view
    let number = view.plan.number
    if let known = plans[number], known != view.plan {
      return Violation(.record, "plan \(number) is published twice, and differs")
    }
    plans[number] = view.plan
    return nil
  }
}
