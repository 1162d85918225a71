import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport

/// An API server with one namespace of deployments and their pods, written from the API's documentation: Deployment v1
/// apps, Scale v1 autoscaling, Pod v1, Status v1 meta. Of too many pods it removes those first that are not ready, then
/// those with the lowest deletion cost, then the newest.
final class KubernetesDouble: Sendable {
  struct Deployment: Sendable {
    var name: String
    var labels: [String: String]
    var replicas: Int?
    var ready: Int?
    /// Of the condition `Progressing`; `nil` for none.
    var progress: String? = "NewReplicaSetAvailable"
  }

  struct Pod: Sendable {
    var name: String
    var labels = ["app": "cart", "tier": "data"]
    var isReady = true
    var isTerminating = false
    var cost: Int32?
  }

  struct State: Sendable {
    var deployments: [Deployment] = []
    /// The oldest first.
    var pods: [Pod] = []
    var token: String?
    /// Answered to everything.
    var failure: (status: Int, body: String)?
    /// Nothing is answered.
    var isMute = false
    var requests: [String] = []
    var bodies: [String] = []
  }

  let state = Mutex(State())
  private let channel: any Channel
  let port: Int

  /// - Parameter server: its certificate; `nil` for plain text.
  init(server: TestAuthority.Issued? = nil) async throws {
    let tls = try server.map { issued in
      try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: try NIOSSLCertificate.fromPEMFile(issued.certificate)
            .map { .certificate($0) },
          privateKey: .privateKey(try NIOSSLPrivateKey(file: issued.key, format: .pem))))
    }
    let answering = Answering()
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
          }
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(DoubleHandler(answering))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = channel.localAddress?.port ?? 0
    answering.double.withLock { $0 = self }
  }

  func stop() async throws { try await channel.close() }

  fileprivate func answer(_ head: HTTPRequestHead, _ body: String) -> (status: Int, body: String)? {
    state.withLock { state in
      state.requests.append("\(head.method.rawValue) \(head.uri)")
      if !body.isEmpty { state.bodies.append(body) }
      if state.isMute { return nil }
      if let failure = state.failure { return failure }
      if let token = state.token, head.headers["authorization"] != ["Bearer \(token)"] {
        return Self.status(401, "Unauthorized", "Unauthorized")
      }
      let base = "/apis/apps/v1/namespaces/shop/deployments"
      if head.method == .GET, head.uri.hasPrefix("\(base)?labelSelector=") {
        let selector = head.uri.dropFirst(base.count + "?labelSelector=".count)
        let found = state.deployments.filter { Self.matches($0.labels, selector) }
        return (
          200,
          #"{"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{"resourceVersion":"7"},"items":["#
            + found.map(Self.object).joined(separator: ",") + "]}"
        )
      }
      if let answer = Self.answerAboutPods(head, body, &state) { return answer }
      for index in state.deployments.indices {
        let deployment = state.deployments[index]
        if head.method == .GET, head.uri == "\(base)/\(deployment.name)/scale" {
          let selector = deployment.labels.map { "\($0.key)=\($0.value)" }.sorted()
          return (
            200,
            #"{"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"\#(deployment.name)"},"#
              + #""spec":{"replicas":\#(deployment.replicas ?? 1)},"#
              + #""status":{"replicas":3,"selector":"\#(selector.joined(separator: ","))"}}"#
          )
        }
        guard head.method == .PUT, head.uri == "\(base)/\(deployment.name)/scale",
          head.headers["content-type"] == ["application/json"],
          let replicas = Self.replicas(body)
        else { continue }
        state.deployments[index].replicas = replicas
        Self.remove(deployment, to: replicas, &state)
        return (200, body)
      }
      return Self.status(404, "NotFound", "the server could not find the requested resource")
    }
  }

  private static func matches(_ labels: [String: String], _ selector: Substring) -> Bool {
    selector.replacing("%3D", with: "=").replacing("%2C", with: ",").split(separator: ",")
      .allSatisfy { part in
        let sides = part.split(separator: "=")
        return labels[String(sides[0])] == String(sides[1])
      }
  }

  private static func answerAboutPods(
    _ head: HTTPRequestHead, _ body: String, _ state: inout State
  ) -> (status: Int, body: String)? {
    let base = "/api/v1/namespaces/shop/pods"
    if head.method == .GET, head.uri.hasPrefix("\(base)?labelSelector=") {
      let selector = head.uri.dropFirst(base.count + "?labelSelector=".count)
      let found = state.pods.filter { matches($0.labels, selector) }
      return (
        200,
        #"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":["#
          + found.map(object).joined(separator: ",") + "]}"
      )
    }
    guard head.method == .PATCH,
      head.headers["content-type"] == ["application/merge-patch+json"],
      let index = state.pods.firstIndex(where: { head.uri == "\(base)/\($0.name)" })
    else { return nil }
    let start = #"{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"#
    guard body.hasPrefix(start), body.hasSuffix("}}}") else { return nil }
    // The value of an annotation is a string, and that of this one a number in it.
    let value = body.dropFirst(start.count).dropLast(3)
    let cost = value.hasPrefix("\"") ? Int32(value.dropFirst().dropLast()) : nil
    guard cost != nil || value == "null" else {
      return status(422, "Invalid", "Pod is invalid: metadata.annotations")
    }
    state.pods[index].cost = cost
    return (200, object(state.pods[index]))
  }

  private static func remove(_ deployment: Deployment, to replicas: Int, _ state: inout State) {
    let own = state.pods.enumerated().filter { _, pod in
      pod.labels == deployment.labels && !pod.isTerminating
    }
    let order = own.sorted { left, right in
      let (one, other) = (left.element, right.element)
      if one.isReady != other.isReady { return !one.isReady }
      return (one.cost ?? 0, -left.offset) < (other.cost ?? 0, -right.offset)
    }
    for (index, _) in order.prefix(max(0, own.count - replicas)) {
      state.pods[index].isTerminating = true
    }
  }

  private static func object(_ pod: Pod) -> String {
    let cost = pod.cost.map { #","controller.kubernetes.io/pod-deletion-cost":"\#($0)""# }
    let end = pod.isTerminating ? #","deletionTimestamp":"2026-01-01T00:00:00Z""# : ""
    return #"""
      {"metadata":{"name":"\#(pod.name)","annotations":{"note":"kept"\#(cost ?? "")}\#(end)},
       "status":{"phase":"Running","conditions":[
         {"type":"Ready","status":"\#(pod.isReady ? "True" : "False")"}]}}
      """#
  }

  static func status(_ code: Int, _ reason: String, _ message: String) -> (Int, String) {
    (
      code,
      #"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"\#(message)","#
        + #""reason":"\#(reason)","code":\#(code)}"#
    )
  }

  private static func object(_ deployment: Deployment) -> String {
    let labels = deployment.labels.map { #""\#($0.key)":"\#($0.value)""# }.joined(separator: ",")
    let replicas = deployment.replicas.map { #""replicas":\#($0),"# } ?? ""
    let ready = deployment.ready.map { #""readyReplicas":\#($0),"# } ?? ""
    let progress = deployment.progress.map {
      #",{"type":"Progressing","status":"True","reason":"\#($0)","message":"..."}"#
    }
    return #"""
      {"metadata":{"name":"\#(deployment.name)","namespace":"shop","labels":{\#(labels)}},
       "spec":{\#(replicas)"selector":{"matchLabels":{\#(labels)}}},
       "status":{\#(ready)"observedGeneration":3,"conditions":[
         {"type":"Available","status":"True","reason":"MinimumReplicasAvailable"}\#(progress ?? "")]}}
      """#
  }

  /// The wanted number of a whole Scale object.
  private static func replicas(_ body: String) -> Int? {
    guard body.contains(#""kind":"Scale""#), body.contains(#""apiVersion":"autoscaling/v1""#),
      body.contains(#""namespace":"shop""#),
      let start = body.firstRange(of: #""spec":{"replicas":"#)
    else { return nil }
    return Int(body[start.upperBound...].prefix(while: \.isNumber))
  }
}

private final class Answering: Sendable {
  let double = Mutex<KubernetesDouble?>(nil)
}

private final class DoubleHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let answering: Answering
  private var head: HTTPRequestHead?
  private var body = ""

  init(_ answering: Answering) { self.answering = answering }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body(let bytes): body += String(buffer: bytes)
    case .end:
      guard let head, let double = answering.double.withLock({ $0 }),
        let answer = double.answer(head, body)
      else { return }
      var response = HTTPResponseHead(
        version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status))
      response.headers.add(name: "content-type", value: "application/json")
      response.headers.add(name: "content-length", value: "\(answer.body.utf8.count)")
      context.write(wrapOutboundOut(.head(response)), promise: nil)
      context.write(
        wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
