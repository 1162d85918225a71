import NIOHTTP1

// Fewer pods: which of them Kubernetes will remove.

extension KubernetesScaler {
  /// Whether the drained nodes are those that go if so many pods are asked for now. If they are not marked yet, marks
  /// them and answers `false`.
  ///
  /// - Throws: ``ScalerError``; `.failed` if others would or could go.
  func isPrepared(
    _ present: DeploymentScale, scale: Int, leaving: [String]
  ) async throws(ScalerError) -> Bool {
    // With a rollout there are pods of two versions, and both kinds become fewer.
    guard !present.isUpgrading else { throw held(present, scale, "a rollout is under way") }
    let pods = try await pods(of: present.name)
    switch PodRemoval.decide(pods, leaving: leaving, scale: scale) {
    case .held(let reason): throw held(present, scale, reason)
    case .mark(let leaving, let staying):
      // Who stays first: if this ends half-way, nobody is marked who has shards.
      for pod in staying { try await setDeletionCost(nil, of: pod) }
      for pod in leaving { try await setDeletionCost(PodRemoval.lowestCost, of: pod) }
      return false
    case .ready: return true
    }
  }

  private func held(_ present: DeploymentScale, _ scale: Int, _ reason: String) -> ScalerError {
    ScalerError(
      .failed,
      "deployment \(present.name) is not scaled down from \(present.scale) to \(scale): \(reason)")
  }

  private func pods(of deployment: String) async throws(ScalerError) -> [DeploymentPod] {
    let scale: PresentScale = try read(
      try await send(.GET, target(ofScale: deployment)), "the scale of deployment \(deployment)")
    guard let selector = scale.status?.selector, !selector.isEmpty else {
      throw ScalerError(
        .malformedAnswer, "the scale of deployment \(deployment) does not say which pods it has")
    }
    let list: PodList = try read(
      try await send(.GET, "\(allPods)?labelSelector=\(escaped(selector))"), "the list of pods")
    return list.items.map(\.pod)
  }

  /// Only that one annotation is changed (JSON merge patch, RFC 7386); `nil` removes it.
  private func setDeletionCost(_ cost: String?, of pod: String) async throws(ScalerError) {
    let patch: [String: [String: [String: String?]]] = [
      "metadata": ["annotations": [PodRemoval.annotation: cost]]
    ]
    _ = try await send(
      .PATCH, "\(allPods)/\(escaped(pod))", body: try json(patch),
      type: "application/merge-patch+json")
  }

  private var allPods: String { "/api/v1/namespaces/\(escaped(configuration.namespace))/pods" }
}

private struct PresentScale: Decodable {
  struct Status: Decodable { var selector: String? }
  var status: Status?
}

private struct PodList: Decodable {
  var items: [Pod]
}

private struct Pod: Decodable {
  struct Metadata: Decodable {
    var name: String
    var deletionTimestamp: String?
    var annotations: [String: String]?
  }
  struct Condition: Decodable {
    var type: String
    var status: String
  }
  struct Status: Decodable {
    var phase: String?
    var conditions: [Condition]?
  }

  var metadata: Metadata
  var status: Status?

  var pod: DeploymentPod {
    let hasEnded = status?.phase == "Succeeded" || status?.phase == "Failed"
    let conditions = status?.conditions ?? []
    return DeploymentPod(
      name: metadata.name, isActive: metadata.deletionTimestamp == nil && !hasEnded,
      isReady: status?.phase == "Running"
        && conditions.contains { $0.type == "Ready" && $0.status == "True" },
      deletionCost: metadata.annotations?[PodRemoval.annotation])
  }
}
