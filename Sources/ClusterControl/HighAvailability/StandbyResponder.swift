import CloudstateModel
import CloudstateProtocol
import MessageBus
import Synchronization

/// What a coordinator that does not lead answers to nodes: that it does not, and who does. A coordinator that leads
/// serves the same subjects later and thereby instead of it.
final class StandbyResponder: Sendable {
  private let leader = Mutex<LeaderCard?>(nil)
  private let subscriptions = Mutex<[Subscription]>([])

  init(bus: any MessageBus) {
    let responder = self
    let patterns = ["cs.coordinator.>", "cs.node.*.heartbeat"].compactMap(SubjectPattern.init)
    subscriptions.withLock { subscriptions in
      subscriptions = patterns.map { pattern in
        bus.serve(pattern) { responder.answer($0) }
      }
    }
  }

  /// Who leads as far as is known.
  func follow(_ card: LeaderCard?) { leader.withLock { $0 = card } }

  func cancel() {
    subscriptions.withLock { subscriptions in
      for subscription in subscriptions { subscription.cancel() }
      subscriptions = []
    }
  }

  private func answer(_ request: BusRequest) {
    if request.subject == .register {
      let card = leader.withLock { $0 }
      let answer = RegistrationAnswer.notLeader(endpoint: card?.endpoint)
      return request.answer(.success(answer.message.encoded))
    }
    if request.subject == .heartbeat(request.source) {
      // To register, the node learns where to go.
      let answer = HeartbeatAnswer(registerAgain: true, view: nil)
      return request.answer(.success(answer.message.encoded))
    }
    if request.subject == .shardReports {
      let answer = ShardsReportAnswer(registerAgain: true)
      return request.answer(.success(answer.message.encoded))
    }
    request.answer(.failure(BusError(.rejected, "this coordinator does not lead")))
  }
}
