import SettingsReading

/// How the numbers of nodes follow the load; `nil` leaves the coordinator its own default.
package struct AutoscalerTopology: Hashable, Sendable {
  /// Who starts and stops nodes.
  package enum Scaler: String, Hashable, Sendable, CaseIterable {
    /// `cs-up` itself.
    case launcher
    /// Nobody: what would be done is only told.
    case none
  }

  /// The names of the services that are scaled. Never empty.
  package var services: [String]
  package var scaler = Scaler.launcher
  package var minimum: Int?
  package var maximum: Int?
  package var step: Int?
  package var targetFunctions: Double?
  package var targetRequests: Double?
  package var margin: Double?
  package var window: Duration?
  package var rateWindow: Duration?
  package var tick: Duration?
  package var upDeadline: Duration?
  package var downDeadline: Duration?
  package var warmUp: Duration?
  package var repetition: Duration?

  package init(services: [String]) { self.services = services }

  /// The flags of `cs-coordinator` that say the same.
  var arguments: [String] {
    var arguments = [
      "--autoscale", services.joined(separator: ","), "--scaler", scaler.rawValue,
    ]
    let numbers: [(String, String?)] = [
      ("minimum", minimum.map { "\($0)" }), ("maximum", maximum.map { "\($0)" }),
      ("step", step.map { "\($0)" }), ("target-functions", targetFunctions.map { "\($0)" }),
      ("target-requests", targetRequests.map { "\($0)" }), ("margin", margin.map { "\($0)" }),
      ("window", window?.text), ("rate-window", rateWindow?.text), ("tick", tick?.text),
      ("up-deadline", upDeadline?.text), ("down-deadline", downDeadline?.text),
      ("warm-up", warmUp?.text), ("repeat", repetition?.text),
    ]
    for case (let name, let value?) in numbers { arguments += ["--scale-\(name)", value] }
    return arguments
  }
}
