import CloudstateModel
import Synchronization
import TestSupport
import Testing

@testable import ClusterControl

/// Fewer pods: those go that were drained, or none.
@Suite struct KubernetesRemovalTests {
  private typealias Pod = KubernetesDouble.Pod

  private static func pods(_ names: [String]) -> [Pod] { names.map { Pod(name: $0) } }

  @Test(
    "The drained pods are marked first; asked again, the number follows, and it is they that go")
  func drainedGo() async throws {
    var pods = Self.pods(["cart-a", "cart-b", "cart-c", "cart-d"])
    pods[2].cost = -7
    // Was to go once, and stayed.
    pods[3].cost = .min
    let double = try await double(pods, replicas: 4)
    let scaler = try scaler(double)
    let leaving = [try node("cart-a"), try node("cart-b")]
    try await scaler.request(2, leaving: leaving)
    #expect(replicas(double) == 4, "who decides may not have seen the marks yet")
    #expect(double.state.withLock { $0.pods.map(\.cost) } == [.min, .min, -7, nil, nil])
    try await scaler.request(2, leaving: leaving)
    #expect(replicas(double) == 2)
    let remaining = double.state.withLock { $0.pods.filter { !$0.isTerminating }.map(\.name) }
    #expect(remaining == ["cart-c", "cart-d", "chat-1"])
    let patches = double.state.withLock { $0.requests.filter { $0.hasPrefix("PATCH") } }
    let base = "PATCH /api/v1/namespaces/shop/pods"
    #expect(patches == ["\(base)/cart-d", "\(base)/cart-a", "\(base)/cart-b"])
    try await double.stop()
  }

  @Test("Where others would or could go, nothing is asked for, and why is said")
  func held() async throws {
    let three = Self.pods(["cart-a", "cart-b", "cart-c"])
    var unready = three
    unready[1].isReady = false
    var ended = three
    ended[0].isTerminating = true
    let cases: [(pods: [Pod], leaving: [String], reason: String)] = [
      (three, [], "no node is drained for that"),
      (three, ["cart-3"], "there is no pod of that name"),
      (ended, ["cart-a"], "there is no pod of that name"),
      (three, ["cart-a", "cart-b"], "of 3 pods 1 would be removed"),
      (ended, ["cart-b"], "of 2 pods 0 would be removed"),
      (unready, ["cart-a"], "pod cart-b is not ready"),
    ]
    for (pods, names, reason) in cases {
      try await expectHeld(pods, leaving: names, reason)
    }
    try await expectHeld(
      three, leaving: ["cart-a"], progress: "ReplicaSetUpdated", "a rollout is under way")
  }

  private func expectHeld(
    _ pods: [Pod], leaving: [String], progress: String = "NewReplicaSetAvailable", _ reason: String
  ) async throws {
    let double = try await double(pods, replicas: 3, progress: progress)
    let leaving = try leaving.map { try node($0) }
    let error = await #expect(throws: ScalerError.self) {
      try await scaler(double).request(2, leaving: leaving)
    }
    #expect(error?.code == .failed)
    let message = error?.message ?? ""
    #expect(
      message.hasPrefix("deployment cart-nodes is not scaled down from 3 to 2: "), "\(message)")
    #expect(message.contains(reason), "\(message)")
    #expect(replicas(double) == 3)
    #expect(double.state.withLock { $0.requests.allSatisfy { $0.hasPrefix("GET") } })
    try await double.stop()
  }

  @Test("A drained pod that is not ready may go; one that has ended is counted by nobody")
  func decision() {
    let pods = [
      DeploymentPod(name: "a", isActive: true, isReady: true),
      DeploymentPod(
        name: "b", isActive: true, isReady: false, deletionCost: PodRemoval.lowestCost),
      DeploymentPod(
        name: "c", isActive: false, isReady: false, deletionCost: PodRemoval.lowestCost),
    ]
    #expect(PodRemoval.decide(pods, leaving: ["b"], scale: 1) == .ready)
    #expect(PodRemoval.lowestCost == "-2147483648")
  }

  private func double(
    _ pods: [Pod], replicas: Int, progress: String = "NewReplicaSetAvailable"
  ) async throws -> KubernetesDouble {
    let double = try await KubernetesDouble()
    double.state.withLock {
      $0.deployments = [
        KubernetesDouble.Deployment(
          name: "cart-nodes", labels: ["app": "cart", "tier": "data"], replicas: replicas,
          ready: pods.count, progress: progress)
      ]
      $0.pods = pods + [Pod(name: "chat-1", labels: ["app": "chat"])]
    }
    return double
  }

  private func scaler(_ double: KubernetesDouble) throws -> KubernetesScaler {
    try KubernetesScaler(
      KubernetesScalerConfiguration(
        host: "127.0.0.1", port: double.port, authorityFile: nil, tokenFile: nil,
        namespace: "shop", labelSelector: "app=cart"))
  }

  private func replicas(_ double: KubernetesDouble) -> Int? {
    double.state.withLock { $0.deployments.first?.replicas }
  }
}
