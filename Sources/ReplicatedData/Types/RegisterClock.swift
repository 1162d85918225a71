/// Which clock stamps a write to a register (protocol section 5, `CrdtClock`).
package enum RegisterClock: Hashable, Sendable, CaseIterable {
  /// The system clock: the last write counts.
  case system
  /// The negated system clock: the first write counts.
  case reverse
  /// Exactly the value that came with the write.
  case custom
  /// The value that came with the write, or one more than the register's timestamp if that is higher.
  case customAutoIncrement
}

extension RegisterDelta {
  /// The timestamp of the write at `now` (milliseconds since 1970) to a register whose timestamp is
  /// `current`. At the ends of the number range timestamps stand still.
  func timestamp(now: Int64, current: Int64?) -> Int64 {
    switch clock {
    case .system:
      guard let current else { return now }
      return max(now, current == .max ? .max : current + 1)
    case .reverse:
      let negated = now == .min ? .max : -now
      guard let current else { return negated }
      return min(negated, current == .min ? .min : current - 1)
    case .custom:
      return customClockValue
    case .customAutoIncrement:
      guard let current else { return customClockValue }
      return max(customClockValue, current == .max ? .max : current + 1)
    }
  }
}
