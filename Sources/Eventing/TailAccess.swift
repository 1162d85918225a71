package import CloudstateModel
package import GRPCTransport

/// Which events a caller may follow; the eventing itself knows of no rules.
package struct TailAccess {
  /// Whether all events of a pattern are allowed. The pattern is of this service alone, where what was
  /// asked for has events of it at all.
  package var allows: (SubjectPattern) -> Bool
  /// Ends a call that asks for others.
  package var refuse: (any GRPCServerCall) -> Void

  package init(
    allows: @escaping (SubjectPattern) -> Bool, refuse: @escaping (any GRPCServerCall) -> Void
  ) {
    self.allows = allows
    self.refuse = refuse
  }

  package static var all: TailAccess {
    TailAccess(
      allows: { _ in true },
      refuse: { $0.finish(GRPCStatus(.permissionDenied, "these events are not for you")) })
  }

  /// Whether a request may be served.
  ///
  /// - Parameter patterns: what it asks for; none of them means all events of the service.
  func allows(_ patterns: [SubjectPattern], of service: ServiceName) -> Bool {
    let all = SubjectPattern.everyEvent(of: service)
    return patterns.isEmpty
      // What has no event of the service in it is asked about as it stands; the filter leaves it out.
      ? allows(all) : patterns.allSatisfy { allows($0.intersection(all) ?? $0) }
  }
}
