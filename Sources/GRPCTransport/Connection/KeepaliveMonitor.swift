package import NIOCore

/// When to probe a silent peer.
package struct GRPCKeepalive: Hashable, Sendable {
  /// Silence after which one HTTP/2 PING is sent. Real servers close connections whose clients ping
  /// more often than every five minutes.
  package var interval: TimeAmount
  /// Further silence after which the connection is closed.
  package var timeout: TimeAmount

  /// Both are more than zero.
  package init(interval: TimeAmount, timeout: TimeAmount) {
    self.interval = interval
    self.timeout = timeout
  }
}

/// Decides, pure, when a connection is probed and when it is given up.
struct KeepaliveMonitor {
  /// What to do when the timer has fired; each but `giveUp` names the time until the next firing.
  enum Action: Hashable {
    case wait(TimeAmount)
    case ping(TimeAmount)
    case giveUp
  }

  /// The times, as given.
  let configuration: GRPCKeepalive
  private var lastActivity: NIODeadline
  private var pingSent: NIODeadline?

  /// Begins as if the peer had just been heard.
  init(_ configuration: GRPCKeepalive, now: NIODeadline) {
    self.configuration = configuration
    lastActivity = now
  }

  /// Bytes came from the peer.
  mutating func received(now: NIODeadline) {
    lastActivity = now
    pingSent = nil
  }

  /// What to do now that the time named last is over.
  mutating func timerFired(now: NIODeadline) -> Action {
    if let pingSent {
      let left = pingSent + configuration.timeout - now
      return left > .zero ? .wait(left) : .giveUp
    }
    let left = lastActivity + configuration.interval - now
    guard left <= .zero else { return .wait(left) }
    pingSent = now
    return .ping(configuration.timeout)
  }
}
