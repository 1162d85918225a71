import CloudstateModel
import ClusterControl
import Synchronization
import TestSupport
import Testing

@Suite struct KubernetesScalerTests {
  private static let cart = KubernetesDouble.Deployment(
    name: "cart-nodes", labels: ["app": "cart", "tier": "data"], replicas: 3, ready: 2)
  private static let chat = KubernetesDouble.Deployment(
    name: "chat", labels: ["app": "chat"], replicas: 1, ready: 1)

  @Test("The first deployment with the label is reported")
  func observe() async throws {
    let double = try await KubernetesDouble()
    double.state.withLock { $0.deployments = [Self.chat, Self.cart] }
    let scale = try await scaler(double, selector: "app=cart,tier=data").observe()
    #expect(scale == DeploymentScale(name: "cart-nodes", ready: 2, scale: 3))
    let requests = double.state.withLock { $0.requests }
    #expect(
      requests == [
        "GET /apis/apps/v1/namespaces/shop/deployments?labelSelector=app%3Dcart%2Ctier%3Ddata"
      ])
    try await double.stop()
  }

  @Test("What is absent is 1 replica and 0 ready ones; a rollout is an upgrade")
  func defaults() async throws {
    let double = try await KubernetesDouble()
    for progress in ["ReplicaSetUpdated", "NewReplicaSetCreated", nil] {
      double.state.withLock {
        $0.deployments = [
          KubernetesDouble.Deployment(name: "cart", labels: ["app": "cart"], progress: progress)
        ]
      }
      let scale = try await scaler(double).observe()
      #expect(scale == DeploymentScale(name: "cart", ready: 0, scale: 1, isUpgrading: true))
    }
    try await double.stop()
  }

  @Test("The scale subresource is written, and only if that changes something")
  func request() async throws {
    let double = try await KubernetesDouble()
    double.state.withLock { $0.deployments = [Self.cart] }
    let scaler = try scaler(double)
    try await scaler.request(5, leaving: [])
    try await scaler.request(5, leaving: [])
    let (requests, bodies, replicas) = double.state.withLock {
      ($0.requests, $0.bodies, $0.deployments[0].replicas)
    }
    #expect(replicas == 5)
    let writes = requests.filter { $0.hasPrefix("PUT") }
    #expect(writes == ["PUT /apis/apps/v1/namespaces/shop/deployments/cart-nodes/scale"])
    let body =
      #"{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"cart-nodes","#
      + #""namespace":"shop"},"spec":{"replicas":5}}"#
    #expect(bodies == [body])
    try await double.stop()
  }

  @Test("The token is read anew for each request")
  func token() async throws {
    let folder = try await TestAuthority()
    let path = try folder.file("token", "old\n")
    let double = try await KubernetesDouble()
    double.state.withLock {
      $0.deployments = [Self.cart]
      $0.token = "new"
    }
    let scaler = try scaler(double, tokenFile: path)
    let refused = await #expect(throws: ScalerError.self) { _ = try await scaler.observe() }
    #expect(refused?.code == .denied)
    #expect(refused?.message.contains(path) == true)
    _ = try folder.file("token", "new\n")
    #expect(try await scaler.observe().scale == 3)
    _ = try folder.file("token", "a b\n")
    let unusable = await #expect(throws: ScalerError.self) { _ = try await scaler.observe() }
    #expect(unusable?.code == .invalidConfiguration)
    try await double.stop()
  }

  @Test(
    "Refusals are told apart and say what to do",
    arguments: [
      (403, ScalerError.Code.denied), (404, .notFound), (409, .conflict), (429, .unreachable),
      (503, .unreachable), (422, .failed),
    ])
  func refusals(_ status: Int, _ code: ScalerError.Code) async throws {
    let double = try await KubernetesDouble()
    let answer = KubernetesDouble.status(status, "Reason", "said the server")
    double.state.withLock { $0.failure = answer }
    let error = await #expect(throws: ScalerError.self) {
      try await scaler(double).request(2, leaving: [])
    }
    #expect(error?.code == code)
    #expect(error?.message.contains("said the server") == true)
    try await double.stop()
  }

  @Test("Answers that cannot be used are refused: none of it, no JSON, too long, none at all")
  func badAnswers() async throws {
    let double = try await KubernetesDouble()
    let none = await #expect(throws: ScalerError.self) { _ = try await scaler(double).observe() }
    #expect(none?.code == .notFound)
    #expect(none?.message.contains("app=cart") == true)
    for body in ["", "<html>", #"{"items":7}"#, #"{"items":[{"metadata":{}}]}"#] {
      double.state.withLock { $0.failure = (200, body) }
      let error = await #expect(throws: ScalerError.self) { _ = try await scaler(double).observe() }
      #expect(error?.code == .malformedAnswer)
    }
    double.state.withLock { $0.failure = (200, String(repeating: " ", count: 200_000)) }
    let long = await #expect(throws: ScalerError.self) { _ = try await scaler(double).observe() }
    #expect(long?.code == .malformedAnswer)
    double.state.withLock { $0.isMute = true }
    let mute = await #expect(throws: ScalerError.self) {
      _ = try await scaler(double, timeout: .milliseconds(200)).observe()
    }
    #expect(mute?.code == .timeout)
    try await double.stop()
    let gone = await #expect(throws: ScalerError.self) { _ = try await scaler(double).observe() }
    #expect(gone?.code == .unreachable)
  }

  @Test("Over TLS only the server of the service account's authority is trusted")
  func tls() async throws {
    let authority = try await TestAuthority()
    let double = try await KubernetesDouble(server: try await authority.issueServer())
    double.state.withLock { $0.deployments = [Self.cart] }
    #expect(try await scaler(double, authorityFile: authority.certificate).observe().scale == 3)
    let other = try await TestAuthority()
    let stranger = await #expect(throws: ScalerError.self) {
      _ = try await scaler(double, authorityFile: other.certificate).observe()
    }
    #expect(stranger?.code == .unreachable)
    let bad = #expect(throws: ScalerError.self) {
      try scaler(double, authorityFile: "/does/not/exist")
    }
    #expect(bad?.code == .invalidConfiguration)
    try await double.stop()
  }

  @Test("A pod finds everything in its environment and its service account")
  func pod() async throws {
    let folder = try await TestAuthority()
    _ = try folder.file("namespace", "shop")
    let environment = ["KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"]
    let configuration = try KubernetesScalerConfiguration.inPod(
      labelSelector: "app=cart", environment: environment, folder: folder.folder.path)
    #expect(configuration.namespace == "shop")
    #expect(configuration.host == "10.0.0.1")
    #expect(configuration.port == 443)
    #expect(configuration.tokenFile == "\(folder.folder.path)/token")
    #expect(configuration.authorityFile == "\(folder.folder.path)/ca.crt")
    try configuration.validate()
    #expect(throws: ScalerError.self) {
      try KubernetesScalerConfiguration.inPod(labelSelector: "app=cart", environment: [:])
    }
    var open = configuration
    open.authorityFile = nil
    #expect(throws: ScalerError.self) { try open.validate() }
    var everything = configuration
    everything.labelSelector = ""
    #expect(throws: ScalerError.self) { try everything.validate() }
  }

  private func scaler(
    _ double: KubernetesDouble, selector: String = "app=cart", authorityFile: String? = nil,
    tokenFile: String? = nil, timeout: Duration = .seconds(10)
  ) throws -> KubernetesScaler {
    try KubernetesScaler(
      KubernetesScalerConfiguration(
        host: "127.0.0.1", port: double.port, authorityFile: authorityFile, tokenFile: tokenFile,
        namespace: "shop", labelSelector: selector, timeout: timeout, maximumAnswer: 100_000))
  }
}
