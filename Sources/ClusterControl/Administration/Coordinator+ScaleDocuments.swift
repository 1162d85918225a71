package import CloudstateModel
import FoundationEssentials
import NIOCore

extension Coordinator {
  /// On the loop.
  func scaleDocument() -> ScaleDocument {
    ScaleDocument(
      services: state.value.scaling.sorted { $0.key < $1.key }.map { service, desk in
        let machine = state.value.machine
        return ServiceScaleDocument(
          service: service.text, state: machine.scalingState(service),
          ready: desk.deployment?.ready, scale: desk.deployment?.scale,
          scalerFailure: desk.failure,
          leaving: machine.durable.autoscalers[service]?.leaving?.nodes.map(\.text) ?? [],
          latest: machine.scaling[service]?.latest.map(ScaleDecisionDocument.init))
      })
  }
}

extension CoordinatorMachine {
  func scalingState(_ service: ServiceName) -> String {
    (scaling[service]?.recorded.autoscaler.state ?? .stable).name
  }

  func scaleHistoryDocument(limit: Int) -> ScaleHistoryDocument {
    let all = scaling.values.flatMap(\.decisions)
      .sorted { ($0.wallMilliseconds, $0.service) > ($1.wallMilliseconds, $1.service) }
    return ScaleHistoryDocument(
      decisions: all.prefix(limit).map(ScaleDecisionDocument.init))
  }
}

extension ScaleDecisionDocument {
  package init(_ decision: ScaleDecision) {
    let summary = decision.summary
    self.init(
      service: decision.service.text,
      at: Date(timeIntervalSince1970: Double(decision.wallMilliseconds) / 1000)
        .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)),
      action: decision.action.rawValue, members: decision.members, wanted: decision.wanted,
      reason: decision.reason, settledMembers: summary.settledMembers,
      functionConcurrency: rounded(summary.functionConcurrency),
      requestConcurrency: rounded(summary.ownRequestConcurrency),
      storeConcurrency: rounded(summary.storeConcurrency),
      requestRate: rounded(summary.requestRatePerNode))
  }
}

/// To three digits after the point.
private func rounded(_ number: Double) -> Double { (number * 1000).rounded() / 1000 }
