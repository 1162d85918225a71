import CloudstateModel
import FoundationEssentials

/// Settings of a ``KubernetesScaler``.
package struct KubernetesScalerConfiguration: Hashable, Sendable {
  /// Where the service account is mounted in a pod.
  package static let serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

  package var host: String
  package var port: Int
  /// The authority of the API server (PEM); `nil` for plain text, which only tests and proxies use.
  package var authorityFile: String?
  /// Read anew for each request, because tokens are replaced before they expire; `nil` to send none.
  package var tokenFile: String?
  package var namespace: String
  /// Which deployment is the service's, such as `app=cart`.
  package var labelSelector: String
  /// For one request. Default 10 s.
  package var timeout: Duration
  /// A longer answer is refused. Default 4 MiB.
  package var maximumAnswer: Int

  package init(
    host: String, port: Int, authorityFile: String?, tokenFile: String?, namespace: String,
    labelSelector: String, timeout: Duration = .seconds(10), maximumAnswer: Int = 4 << 20
  ) {
    self.host = host
    self.port = port
    self.authorityFile = authorityFile
    self.tokenFile = tokenFile
    self.namespace = namespace
    self.labelSelector = labelSelector
    self.timeout = timeout
    self.maximumAnswer = maximumAnswer
  }

  /// The settings of a pod: address from the environment, the rest from the mounted service account.
  ///
  /// - Parameter folder: where the service account is mounted.
  /// - Throws: ``ScalerError`` with `.invalidConfiguration` that says what is missing.
  package static func inPod(
    labelSelector: String, environment: [String: String], folder: String = serviceAccount
  ) throws(ScalerError) -> KubernetesScalerConfiguration {
    guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
      let port = environment["KUBERNETES_SERVICE_PORT"].flatMap({ Int($0) })
    else {
      throw ScalerError(
        .invalidConfiguration,
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod of a "
          + "Kubernetes cluster; choose another scaler")
    }
    return KubernetesScalerConfiguration(
      host: host, port: port, authorityFile: "\(folder)/ca.crt", tokenFile: "\(folder)/token",
      namespace: try content(of: "\(folder)/namespace"), labelSelector: labelSelector)
  }

  /// - Throws: ``ScalerError`` with `.invalidConfiguration`, whose message says what to change.
  package func validate() throws(ScalerError) {
    func require(_ condition: Bool, _ message: String) throws(ScalerError) {
      if !condition { throw ScalerError(.invalidConfiguration, message) }
    }
    try require(!host.isEmpty, "the host of the Kubernetes API must not be empty")
    try require((1...65_535).contains(port), "the port of the Kubernetes API is not \(port)")
    try require(!namespace.isEmpty, "the namespace must not be empty")
    try require(
      !labelSelector.isEmpty,
      "a label selector such as app=cart is needed: without one every deployment would match")
    try require(
      tokenFile == nil || authorityFile != nil || HostText.isLoopback(host),
      "a token is sent over TLS only; name the file of the authority")
    try require(
      timeout > .zero && timeout <= .seconds(600), "the timeout must be at most 10 min")
    try require(maximumAnswer > 0, "the longest answer must be positive")
  }

  /// The token to send now.
  func token() throws(ScalerError) -> String? {
    guard let tokenFile else { return nil }
    return try Self.content(of: tokenFile)
  }

  /// A file of one line. What could break out of a header is no token and no name.
  private static func content(of path: String) throws(ScalerError) -> String {
    let text: String
    do {
      text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    } catch {
      throw ScalerError(.invalidConfiguration, "\(path) cannot be read: \(error)")
    }
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    guard !line.isEmpty, line.utf8.count <= 65_536,
      line.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    else {
      throw ScalerError(.invalidConfiguration, "\(path) does not hold one plain line of text")
    }
    return line
  }
}
