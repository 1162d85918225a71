package import CloudstateModel

/// What a coordinator scales, and how.
package struct AutoscalingConfiguration: Hashable, Sendable {
  /// Who starts and stops nodes.
  package enum Choice: Hashable, Sendable {
    /// Nobody: decisions are made, told and recorded, and not carried out.
    case none
    /// The `cs-up` at this control socket.
    case launcher(socket: String)
    case kubernetes(KubernetesScalerConfiguration)
    case command(CommandScalerConfiguration)
  }

  /// Each has an autoscaler of its own, with the same settings. Never empty.
  package var services: [ServiceName]
  package var settings = AutoscalerSettings()
  package var scaler: Choice
  /// How long a node that was started is not at full speed. Default 10 s.
  package var warmUp: Duration = .seconds(10)
  /// The folder where decisions are recorded with all they were made from; `nil` records nothing.
  package var recordings: String?

  package init(services: [ServiceName], scaler: Choice) {
    self.services = services
    self.scaler = scaler
  }

  /// Whether the scaler has nodes drained before it stops them; if not, the coordinator does.
  var drainsItself: Bool {
    switch scaler {
    case .launcher, .none: true
    case .kubernetes, .command: false
    }
  }

  /// How old the reported scale may be.
  var observationPeriod: Duration {
    switch scaler {
    case .launcher, .none: settings.tickPeriod
    // A request to another machine, or a process.
    case .kubernetes, .command: settings.repeatInterval
    }
  }

  /// Checks ranges and relations.
  ///
  /// - Throws: ``ClusterError`` with `.invalidConfiguration`, whose message says what to change.
  package func validate() throws(ClusterError) {
    try require(!services.isEmpty, "autoscaling needs the name of a service")
    try require(
      Set(services).count == services.count, "a service is named twice for autoscaling")
    try settings.validate()
    try require(
      warmUp >= .zero && warmUp <= .seconds(3600),
      "the warm-up time must be 0 s to one hour, not \(warmUp)")
    if case .launcher(let socket) = scaler {
      try require(
        socket.hasPrefix("/"), "the socket of cs-up must be an absolute path, not '\(socket)'")
    }
    if case .kubernetes = scaler {
      // One label selects one deployment.
      try require(services.count == 1, "the Kubernetes scaler scales one service")
    }
    do throws(ScalerError) {
      switch scaler {
      case .none, .launcher: break
      case .kubernetes(let configuration): try configuration.validate()
      case .command(let configuration): try configuration.validate()
      }
    } catch {
      throw ClusterError(.invalidConfiguration, error.message)
    }
  }

  /// The scaler of one service.
  ///
  /// - Parameter members: the members of the service that are up.
  func makeScaler(
    of service: ServiceName, members: @escaping @Sendable () async -> Int
  ) throws(ClusterError) -> any Scaler {
    do throws(ScalerError) {
      switch scaler {
      case .none: return ObservingScaler(members: members)
      case .launcher(let socket): return LauncherScaler(service: service, socket: socket)
      case .kubernetes(let configuration): return try KubernetesScaler(configuration)
      case .command(let configuration):
        return try CommandScaler(
          service: service, configuration: configuration, members: members)
      }
    } catch {
      throw ClusterError(.invalidConfiguration, error.message)
    }
  }
}
