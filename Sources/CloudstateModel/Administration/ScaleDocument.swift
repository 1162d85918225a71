// What a coordinator tells operators of its autoscalers, as JSON over HTTP.

/// Where the autoscalers stand (`GET /scale`), by service.
package struct ScaleDocument: Codable, Hashable, Sendable {
  package var services: [ServiceScaleDocument]

  package init(services: [ServiceScaleDocument]) { self.services = services }
}

package struct ServiceScaleDocument: Codable, Hashable, Sendable {
  package var service: String
  /// `stable`, `scaling up`, `scaling down` or `upgrading`.
  package var state: String
  /// What the scaler last reported: nodes that are ready, and nodes that are asked for.
  package var ready: Int?
  package var scale: Int?
  /// Why the scaler failed last; none after a success.
  package var scalerFailure: String?
  /// Nodes that are drained and then given up.
  package var leaving: [String]
  /// The newest decision, also one to stay.
  package var latest: ScaleDecisionDocument?

  package init(
    service: String, state: String, ready: Int?, scale: Int?, scalerFailure: String?,
    leaving: [String], latest: ScaleDecisionDocument?
  ) {
    self.service = service
    self.state = state
    self.ready = ready
    self.scale = scale
    self.scalerFailure = scalerFailure
    self.leaving = leaving
    self.latest = latest
  }
}

/// Decisions to do something (`GET /scale/history`), the newest first.
package struct ScaleHistoryDocument: Codable, Hashable, Sendable {
  package var decisions: [ScaleDecisionDocument]

  package init(decisions: [ScaleDecisionDocument]) { self.decisions = decisions }
}

/// One decision of an autoscaler; also published on `cs.scale.<service>`.
package struct ScaleDecisionDocument: Codable, Hashable, Sendable {
  package var service: String
  /// RFC 3339, in UTC.
  package var at: String
  /// `stay`, `scaleUp`, `scaleDown` or `requestAgain`.
  package var action: String
  /// Members there are, and that there are to be.
  package var members: Int
  package var wanted: Int
  package var reason: String
  /// Members that count with their full capacity.
  package var settledMembers: Int
  /// Averages per settled node.
  package var functionConcurrency: Double
  package var requestConcurrency: Double
  package var storeConcurrency: Double
  /// Requests per second and node.
  package var requestRate: Double

  package init(
    service: String, at: String, action: String, members: Int, wanted: Int, reason: String,
    settledMembers: Int, functionConcurrency: Double, requestConcurrency: Double,
    storeConcurrency: Double, requestRate: Double
  ) {
    self.service = service
    self.at = at
    self.action = action
    self.members = members
    self.wanted = wanted
    self.reason = reason
    self.settledMembers = settledMembers
    self.functionConcurrency = functionConcurrency
    self.requestConcurrency = requestConcurrency
    self.storeConcurrency = storeConcurrency
    self.requestRate = requestRate
  }
}
