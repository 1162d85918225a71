package import CloudstateModel

/// The autoscaler of one service in a coordinator, with what it is told and what became of it. A value.
struct ServiceScaling: Sendable {
  /// Decisions kept for people to look back at.
  static let retainedDecisions = 200
  /// The cost of moving is worked out anew after this long.
  static let costAge: Duration = .seconds(10)

  var recorded: RecordedAutoscaler
  /// The newest decision, also one to stay.
  var latest: ScaleDecision?
  /// Decisions to do something, the oldest first.
  private(set) var decisions: [ScaleDecision] = []
  var cost: (bytes: UInt64, at: Duration)?
  /// When more nodes were asked for that have not come yet.
  var askedForMore: Duration?
  private(set) var startTime: Duration?
  /// When the scale without the leaving nodes was last asked for.
  var askedForLess: Duration?

  init(_ autoscaler: Autoscaler) { recorded = RecordedAutoscaler(autoscaler) }

  mutating func keep(_ decision: ScaleDecision) {
    decisions.append(decision)
    if decisions.count > Self.retainedDecisions { decisions.removeFirst() }
  }

  /// Decisions of an earlier process, in their order.
  mutating func remember(_ earlier: [ScaleDecision]) {
    decisions = Array((earlier + decisions).suffix(Self.retainedDecisions))
  }

  /// A node has come that may be one of those that were asked for.
  mutating func nodeCame(at now: Duration) {
    guard let askedForMore else { return }
    self.askedForMore = nil
    let took = now - askedForMore
    startTime = startTime.map { ($0 * 3 + took) / 4 } ?? took
  }
}

/// A scale to ask a scaler for.
package struct ScaleRequest: Hashable, Sendable {
  package var service: ServiceName
  package var scale: Int
  /// The nodes to stop: drained, and they hold nothing. Empty where the scaler drains, and where more are asked for.
  package var leaving: [NodeID]

  package init(service: ServiceName, scale: Int, leaving: [NodeID] = []) {
    self.service = service
    self.scale = scale
    self.leaving = leaving
  }
}
