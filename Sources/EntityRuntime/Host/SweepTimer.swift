import NIOCore

/// Calls a host now and then, while it has entities, to look for what has lasted too long. Loop-bound.
struct SweepTimer {
  private let eventLoop: any EventLoop
  private let interval: TimeAmount
  private var task: RepeatedTask?

  /// - Parameter limits: of what the host looks for. It is called every quarter of the shortest, at least every
  ///   second, at most every 10 ms.
  init(eventLoop: any EventLoop, limits: Duration...) {
    self.eventLoop = eventLoop
    let shortest = limits.min() ?? .seconds(1)
    let interval = min(max(shortest / 4, .milliseconds(10)), .seconds(1))
    self.interval = .nanoseconds(Int64(interval.inNanoseconds))
  }

  /// Does nothing if it is running.
  mutating func start(_ sweep: @escaping @Sendable () -> Void) {
    guard task == nil else { return }
    task = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in sweep() }
  }

  mutating func stop() {
    task?.cancel()
    task = nil
  }
}
