/// Where the autoscaler stands (proxy-behaviour 15.2). It is kept with the plan, so that a new coordinator goes on
/// from here. Deadlines are of the calendar, because they outlive a process.
package enum AutoscalerState: Hashable, Sendable, Codable {
  case stable
  case scalingUp(desired: Int, lastStableRatePerNode: Double, deadlineWallMilliseconds: Int64)
  case scalingDown(desired: Int, deadlineWallMilliseconds: Int64)
  case upgrading(desired: Int, lastStableRatePerNode: Double)

  /// One word for people.
  package var name: String {
    switch self {
    case .stable: "stable"
    case .scalingUp: "scaling up"
    case .scalingDown: "scaling down"
    case .upgrading: "upgrading"
    }
  }
}
