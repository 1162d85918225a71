import NIOCore

/// The entities of one event loop, at the end of the node.
protocol StoppableHost: AnyObject, SendableMetatype {
  /// Accepts nothing new, lets entities finish what they were asked, then calls `completion` on its loop.
  func stop(completion: @escaping () -> Void)
  /// Gives up on what has not finished.
  func abandon()
}

enum HostShutdown {
  /// Stops all hosts, each on its loop, and gives up on what has not finished after `grace`.
  static func stop<Host: StoppableHost>(
    _ hosts: [NIOLoopBound<Host>], on loops: [any EventLoop], grace: Duration
  ) async {
    let limit = TimeAmount.nanoseconds(Int64(clamping: grace.inNanoseconds))
    await withTaskGroup(of: Void.self) { group in
      for (loop, host) in zip(loops, hosts) {
        group.addTask {
          await withCheckedContinuation { continuation in
            loop.execute {
              let timer = loop.scheduleTask(in: limit) { host.value.abandon() }
              host.value.stop {
                timer.cancel()
                continuation.resume()
              }
            }
          }
        }
      }
    }
  }
}
