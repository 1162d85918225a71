import CloudstateModel
import ClusterControl

/// Sees what happens everywhere at once, as nobody in a real cluster can, and gathers broken promises.
final class Monitor {
  weak var world: World?
  private(set) var violations: [Violation] = []
  var confirmations = ConfirmationChecker()
  private var plans = PlanChecker()
  private var records = RecordChecker()

  func add(_ violation: Violation?) {
    guard let violation else { return }
    violations.append(violation)
    world?.note("!", "VIOLATION \(violation)")
  }

  func followed(_ assignment: ShardAssignment, by process: SimProcess) {
    add(plans.followed(assignment, by: process.name, life: process.life))
  }

  func kept(_ record: CoordinatorRecord, fence: Int64) {
    add(records.kept(record, fence: fence))
  }

  func published(_ view: ClusterView) { add(records.published(view)) }
}
