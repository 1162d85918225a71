package import CloudstateModel

/// What the autoscaler made of one tick, with everything it made it from.
package struct ScaleDecision: Hashable, Sendable, Codable {
  package enum Action: String, Hashable, Sendable, Codable {
    /// Nothing is to be done.
    case stay
    /// Ask the scaler for ``ScaleDecision/wanted`` nodes.
    case scaleUp
    /// Have nodes drained, then ask for ``ScaleDecision/wanted`` nodes.
    case scaleDown
    /// Ask once more: what was asked for before is not to be seen.
    case requestAgain
  }

  package var service: ServiceName
  package var uptimeMilliseconds: Int64
  package var wallMilliseconds: Int64
  package var action: Action
  /// The members there are.
  package var members: Int
  /// The nodes that there are to be.
  package var wanted: Int
  /// Why, for people.
  package var reason: String
  package var summary: LoadSummary
  package var observation: ScaleObservation
  package var before: AutoscalerState
  package var after: AutoscalerState

  /// The number to ask the scaler for; `nil` if nothing is to be asked.
  package var request: Int? { action == .stay ? nil : wanted }
}
