package import CloudstateModel
import FoundationEssentials
import NIOHTTP1

/// Scales a Deployment through the Kubernetes API (proxy-behaviour 15.5).
///
/// The service account needs the verbs `list` for `deployments`, `get` and `update` for `deployments/scale` (API group
/// `apps`), and `list` and `patch` for `pods` in its namespace. Of several deployments with the label the first in the
/// API's order counts. Which pods go is up to ``PodRemoval``.
package struct KubernetesScaler: Scaler {
  let configuration: KubernetesScalerConfiguration
  private let http: HTTPRequester

  /// - Throws: ``ScalerError`` with `.invalidConfiguration`.
  package init(_ configuration: KubernetesScalerConfiguration) throws(ScalerError) {
    try configuration.validate()
    self.configuration = configuration
    http = try HTTPRequester(
      host: configuration.host, port: configuration.port,
      authorityFile: configuration.authorityFile, timeout: configuration.timeout,
      maximumBody: configuration.maximumAnswer)
  }

  package func observe() async throws(ScalerError) -> DeploymentScale {
    let list: DeploymentList = try read(
      try await send(
        .GET, "\(deployments)?labelSelector=\(escaped(configuration.labelSelector))"),
      "the list of deployments")
    guard let deployment = list.items.first else {
      throw ScalerError(
        .notFound,
        "no deployment in namespace \(configuration.namespace) matches "
          + "\(quoted(configuration.labelSelector)); set the label on the deployment of the nodes")
    }
    return DeploymentScale(
      name: deployment.metadata.name, ready: deployment.status?.readyReplicas ?? 0,
      // Absent means 1 (Deployment v1 apps, spec.replicas).
      scale: deployment.spec?.replicas ?? 1, isUpgrading: !deployment.hasSettled)
  }

  /// Sends nothing if the scale is as wanted already. Fewer are asked for when the pods of the nodes that leave are
  /// marked as the first to go; the call that marks them does no more.
  package func request(_ scale: Int, leaving: [NodeID]) async throws(ScalerError) {
    let present = try await observe()
    guard present.scale != scale else { return }
    if scale < present.scale {
      let names = leaving.map(\.text)
      guard try await isPrepared(present, scale: scale, leaving: names) else { return }
    }
    let body = try json(
      Scale(name: present.name, namespace: configuration.namespace, replicas: scale))
    _ = try await send(.PUT, target(ofScale: present.name), body: body)
  }

  func read<Value: Decodable>(_ answer: [UInt8], _ what: String) throws(ScalerError) -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: Data(answer))
    } catch {
      throw ScalerError(.malformedAnswer, "\(what) cannot be read: \(error)")
    }
  }

  func json(_ value: some Encodable) throws(ScalerError) -> [UInt8] {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return Array(try encoder.encode(value))
    } catch {
      throw ScalerError(.failed, "a request to the Kubernetes API cannot be written: \(error)")
    }
  }

  func target(ofScale deployment: String) -> String {
    "\(deployments)/\(escaped(deployment))/scale"
  }

  private var deployments: String {
    "/apis/apps/v1/namespaces/\(escaped(configuration.namespace))/deployments"
  }

  func send(
    _ method: HTTPMethod, _ target: String, body: [UInt8] = [], type: String = "application/json"
  ) async throws(ScalerError) -> [UInt8] {
    var headers = [("Accept", "application/json")]
    if let token = try configuration.token() {
      headers.append(("Authorization", "Bearer \(token)"))
    }
    if !body.isEmpty { headers.append(("Content-Type", type)) }
    let answer = try await http.send(method, target, headers: headers, body: body)
    guard (200...299).contains(answer.status) else {
      throw refusal(answer, "\(method.rawValue) \(target)")
    }
    return answer.body
  }

  private func refusal(_ answer: HTTPRequester.Answer, _ request: String) -> ScalerError {
    let status = try? JSONDecoder().decode(APIStatus.self, from: Data(answer.body))
    let what = "\(request) was answered with \(answer.status): \(said(status?.message ?? ""))"
    switch answer.status {
    case 401:
      return ScalerError(
        .denied,
        "\(what); check the token of the service account (\(configuration.tokenFile ?? "none"))")
    case 403:
      return ScalerError(
        .denied,
        "\(what); the service account needs list on deployments, get and update on deployments/scale, and "
          + "list and patch on pods")
    case 404: return ScalerError(.notFound, what)
    case 409: return ScalerError(.conflict, what)
    case 429, 500...599: return ScalerError(.unreachable, what)
    default: return ScalerError(.failed, what)
    }
  }

  /// Everything but unreserved characters as `%` and two digits (RFC 3986, 2.1).
  func escaped(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        escaped += "%" + (digits.count == 1 ? "0" : "") + digits
      }
    }
    return escaped
  }
}

// The parts of the API's objects that are looked at; everything else is left out by the decoder.

private struct DeploymentList: Decodable {
  var items: [Deployment]
}

private struct Deployment: Decodable {
  struct Metadata: Decodable { var name: String }
  struct Spec: Decodable { var replicas: Int? }
  struct Condition: Decodable {
    var type: String
    var reason: String?
  }
  struct Status: Decodable {
    var readyReplicas: Int?
    var conditions: [Condition]?
  }

  var metadata: Metadata
  var spec: Spec?
  var status: Status?

  /// The newest version of the pods is there and no rollout is under way.
  var hasSettled: Bool {
    status?.conditions?.contains {
      $0.type == "Progressing" && $0.reason == "NewReplicaSetAvailable"
    } ?? false
  }
}

/// A Scale of API group autoscaling/v1, the body of the subresource.
private struct Scale: Encodable {
  struct Metadata: Encodable {
    var name: String
    var namespace: String
  }
  struct Spec: Encodable { var replicas: Int }

  var apiVersion = "autoscaling/v1"
  var kind = "Scale"
  var metadata: Metadata
  var spec: Spec

  init(name: String, namespace: String, replicas: Int) {
    metadata = Metadata(name: name, namespace: namespace)
    spec = Spec(replicas: replicas)
  }
}

/// What the API answers instead of what was asked for.
private struct APIStatus: Decodable {
  var message: String?
}
