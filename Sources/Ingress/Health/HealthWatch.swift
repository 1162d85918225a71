import CloudstateProtocol

/// What one watcher of a service's health is told: the state at once, then each other one. A watcher that does
/// not read is told only the last of what it missed. Pure.
struct HealthWatch {
  typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

  private var isWritable: Bool
  private var told: Status?
  private var current: Status?

  init(isWritable: Bool) { self.isWritable = isWritable }

  /// - Returns: what to send now, if anything.
  mutating func changed(to status: Status) -> Status? {
    current = status
    return next()
  }

  /// - Returns: what to send now, if anything.
  mutating func writabilityChanged(_ isWritable: Bool) -> Status? {
    self.isWritable = isWritable
    return next()
  }

  private mutating func next() -> Status? {
    guard isWritable, let current, current != told else { return nil }
    told = current
    return current
  }
}
