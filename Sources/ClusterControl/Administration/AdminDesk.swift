import CloudstateModel
import MessageBus
import NIOCore
import Synchronization

/// Who answers operators: the coordinator of this process while it leads; otherwise a word about who does.
/// Any thread.
package final class AdminDesk: Sendable {
  private struct State {
    var coordinator: Coordinator?
    /// Who leads as far as is known.
    var leader: LeaderCard?
    /// Why the coordinator of this process led no more, while nobody else is known to.
    var lastReason: String?
  }

  private let state = Mutex(State())

  /// Nobody leads yet.
  package init() {}

  /// A coordinator without others.
  package init(_ coordinator: Coordinator) { state.withLock { $0.coordinator = coordinator } }

  /// The coordinator of this process leads from now on, until ``yield()``, which must come before it stops.
  func lead(_ coordinator: Coordinator) {
    state.withLock { state in
      state.coordinator = coordinator
      state.lastReason = nil
    }
  }

  /// The coordinator of this process leads no more.
  ///
  /// - Parameter reason: for people, such as that etcd cannot be reached; `nil` if it just stops.
  func yield(_ reason: String? = nil) {
    state.withLock { state in
      state.coordinator = nil
      state.lastReason = reason
    }
  }

  /// Who leads as far as is known.
  func follow(_ card: LeaderCard?) {
    state.withLock { state in
      state.leader = card
      if card != nil { state.lastReason = nil }
    }
  }

  /// - Parameter target: the request target, for whoever is sent elsewhere with it.
  func respond(
    to route: AdminRoute, target: String, on eventLoop: any EventLoop
  ) -> EventLoopFuture<AdminResponse> {
    // Under the lock, so that what is asked reaches the coordinator before it stops.
    state.withLock { state in
      if let coordinator = state.coordinator {
        return coordinator.respond(to: route).hop(to: eventLoop)
      }
      return eventLoop.makeSucceededFuture(
        Self.referral(to: state.leader, because: state.lastReason, target: target))
    }
  }

  /// Sends an operator to the leader: 307 with its address (RFC 9110, section 15.4.8), or 421 (section 15.5.20)
  /// where no address is known that leads there.
  static func referral(
    to leader: LeaderCard?, because reason: String? = nil, target: String
  ) -> AdminResponse {
    let here = "this coordinator does not lead" + (reason.map { " any more (\($0))" } ?? "")
    guard let leader else {
      var answer = AdminResponse(
        error: "\(here), and who does is not known yet: ask again soon, or another coordinator",
        status: 421)
      answer.retryAfter = 1
      return answer
    }
    let who = "\(leader.name) at \(leader.endpoint) does"
    guard let admin = leader.admin else {
      return AdminResponse(
        error: "\(here): \(who), but serves no operators; start it with --admin", status: 421)
    }
    guard isReachable(admin, of: leader) else {
      return AdminResponse(
        error:
          "\(here): \(who), and serves operators at \(admin) of its machine only; ask there, or give it an "
          + "--admin-advertise that leads to it",
        status: 421)
    }
    var answer = AdminResponse(error: "\(here): \(who); ask http://\(admin)", status: 307)
    answer.location = "http://\(admin)\(target)"
    return answer
  }

  /// Whether the address means the same listener here as on the leader's machine: one of the loopback interface
  /// does where the leader is on this machine, and then its bus has such an address, too.
  private static func isReachable(_ admin: String, of leader: LeaderCard) -> Bool {
    let host = HostText.host(of: admin)
    if HostText.isUnspecified(host) { return false }
    guard HostText.isLoopback(host) else { return true }
    return !BusExposure.isOpen(leader.endpoint)
  }
}
