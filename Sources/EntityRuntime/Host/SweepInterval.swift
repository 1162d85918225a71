import NIOCore

extension TimeAmount {
  /// How often a host looks for what has lasted longer than one of `limits`: a quarter of the shortest, at least
  /// every second, at most every 10 ms.
  static func sweepInterval(of limits: Duration...) -> TimeAmount {
    let shortest = limits.min() ?? .seconds(1)
    let interval = min(max(shortest / 4, .milliseconds(10)), .seconds(1))
    return .nanoseconds(Int64(interval.inNanoseconds))
  }
}
