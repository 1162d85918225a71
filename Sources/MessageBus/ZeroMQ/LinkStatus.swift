import NIOCore

/// Whether a link carries requests. A pure value.
struct LinkStatus {
  enum Phase: Hashable {
    /// Just linked and not yet connected: requests wait. Goes to `up`, or to `down` when the grace ends.
    case connecting(until: NIODeadline)
    /// The handshake is done: requests are sent. Goes to `down`.
    case up
    /// The peer is about to end and has been told that no more requests come: they fail at once, and what was
    /// sent before may still be answered. Goes to `down`.
    case leaving
    /// Requests fail at once. Goes to `up`: libzmq keeps trying.
    case down
  }

  private(set) var phase: Phase

  init(graceUntil deadline: NIODeadline) { phase = .connecting(until: deadline) }

  var isUp: Bool { phase == .up }
  var acceptsRequests: Bool { phase != .down && phase != .leaving }

  /// When to look at the grace again.
  var graceDeadline: NIODeadline? {
    if case .connecting(let deadline) = phase { deadline } else { nil }
  }

  mutating func established() { phase = .up }

  /// The peer leaves, and nothing more is sent to it.
  mutating func leave() { if isUp { phase = .leaving } }

  /// A connection ended; answers whether the link was up. A failed attempt does not end the grace.
  mutating func disconnected() -> Bool {
    guard isUp || phase == .leaving else { return false }
    phase = .down
    return true
  }

  /// Ends the grace if its time has come, and answers whether it has.
  mutating func endGrace(by now: NIODeadline) -> Bool {
    guard let deadline = graceDeadline, deadline <= now else { return false }
    phase = .down
    return true
  }
}
