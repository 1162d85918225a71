import NIOCore

/// Whether a link carries requests. A pure value.
struct LinkStatus {
  enum Phase: Hashable {
    /// Just linked and not yet connected: requests wait. Goes to `up`, or to `down` when the grace ends.
    case connecting(until: NIODeadline)
    /// The handshake is done: requests are sent. Goes to `down`.
    case up
    /// The peer is about to end and has been told that no more requests come: they fail at once, and what was
    /// sent before may still be answered. Goes to `down`, and back to `up` if the peer is still there at the given time:
    /// then the word was of an earlier process under its name.
    case leaving(until: NIODeadline)
    /// Requests fail at once. Goes to `up`: libzmq keeps trying.
    case down
  }

  private(set) var phase: Phase

  init(graceUntil deadline: NIODeadline) { phase = .connecting(until: deadline) }

  var isUp: Bool { phase == .up }
  private var isLeaving: Bool { if case .leaving = phase { true } else { false } }

  var acceptsRequests: Bool {
    switch phase {
    case .connecting, .up: true
    case .leaving, .down: false
    }
  }

  /// When a phase ends by itself: see ``endGrace(by:)`` and ``endLeaving(by:)``.
  var deadline: NIODeadline? {
    switch phase {
    case .connecting(let deadline), .leaving(let deadline): deadline
    case .up, .down: nil
    }
  }

  mutating func established() { phase = .up }

  /// The peer leaves, and nothing more is sent to it.
  mutating func leave(until deadline: NIODeadline) {
    if isUp { phase = .leaving(until: deadline) }
  }

  /// Takes a peer that has not left in time for one that stays.
  mutating func endLeaving(by now: NIODeadline) {
    if case .leaving(let deadline) = phase, deadline <= now { phase = .up }
  }

  /// A connection ended; answers whether the link was up. A failed attempt does not end the grace.
  mutating func disconnected() -> Bool {
    guard isUp || isLeaving else { return false }
    phase = .down
    return true
  }

  /// Ends the grace if its time has come, and answers whether it has.
  mutating func endGrace(by now: NIODeadline) -> Bool {
    guard case .connecting(let deadline) = phase, deadline <= now else { return false }
    phase = .down
    return true
  }
}
