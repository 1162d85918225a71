import NIOCore

/// Lets one log line through per interval and counts the others. A pure value.
struct LogThrottle {
  private let interval: TimeAmount
  private var next: NIODeadline?
  private var suppressed = 0

  init(interval: TimeAmount) { self.interval = interval }

  /// How many lines were held back since the last one let through; `nil` if this one is held back too.
  mutating func admit(at now: NIODeadline) -> Int? {
    if let next, now < next {
      suppressed += 1
      return nil
    }
    defer { suppressed = 0 }
    next = now + interval
    return suppressed
  }
}
