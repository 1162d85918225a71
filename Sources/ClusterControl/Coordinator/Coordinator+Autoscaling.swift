import CloudstateModel
import Logging
import MessageBus
import NIOCore

// What the autoscalers need of the world: time, scalers and a place for recordings. On the loop.

extension Coordinator {
  /// What autoscalers need beside the machine.
  struct PreparedScaling: Sendable {
    var configuration: AutoscalingConfiguration
    var scalers: [ServiceName: any Scaler] = [:]
    var recorders: [ServiceName: ScaleRecorder] = [:]
    /// What earlier processes decided.
    var earlier: [ServiceName: [ScaleDecision]] = [:]
  }

  /// Makes the scalers; `nil` where nothing is scaled. Not on the loop.
  ///
  /// - Throws: ``ClusterError`` with `.invalidConfiguration`.
  func prepareScaling() async throws -> PreparedScaling? {
    guard let configuration = configuration.autoscaling else { return nil }
    var prepared = PreparedScaling(configuration: configuration)
    for service in configuration.services {
      prepared.scalers[service] = try configuration.makeScaler(of: service) { [self] in
        await livingMembers(of: service)
      }
      guard let folder = configuration.recordings else { continue }
      let recorder = ScaleRecorder(folder: folder, service: service)
      prepared.recorders[service] = recorder
      prepared.earlier[service] = try await loop.onDisk {
        recorder.decisions(limit: ServiceScaling.retainedDecisions)
      }
    }
    return prepared
  }

  /// None once the coordinator is stopping.
  private func livingMembers(of service: ServiceName) async -> Int {
    let count = try? await loop.run { [state] in state.value.machine.assignable(service).count }
    return count ?? 0
  }

  /// Lets the autoscalers decide from now on.
  func beginScaling(_ prepared: PreparedScaling?) {
    guard let prepared else { return }
    let configuration = prepared.configuration
    let period = configuration.settings.tickPeriod.timeAmount
    for (service, scaler) in prepared.scalers.sorted(by: { $0.key < $1.key }) {
      state.value.machine.remember(prepared.earlier[service] ?? [], of: service)
      state.value.scaling[service] = ScalingDesk(
        scaler: scaler, recorder: prepared.recorders[service])
      writeRecording(service)
      state.value.scaling[service]?.ticks = loop.eventLoop.scheduleRepeatedTask(
        initialDelay: period, delay: period
      ) { [self] _ in scalingTick(service, configuration) }
      logger.notice(
        "service \(service) is scaled, now \(state.value.machine.scalingState(service))")
    }
  }

  func endScaling() {
    for desk in state.value.scaling.values {
      desk.ticks?.cancel()
      desk.work?.cancel()
    }
    // Their scalers know the coordinator.
    state.value.scaling = [:]
  }

  private func scalingTick(_ service: ServiceName, _ configuration: AutoscalingConfiguration) {
    guard !state.value.isSilent else { return }
    let now = Moment.now()
    perform(
      state.value.machine.autoscale(
        service, deployment: state.value.scaling[service]?.deployment, at: now))
    useScaler(of: service, configuration, at: now.uptime)
    writeRecording(service)
  }

  /// Makes the request that waits, or looks at what there is.
  private func useScaler(
    of service: ServiceName, _ configuration: AutoscalingConfiguration, at now: Duration
  ) {
    guard let desk = state.value.scaling[service], desk.work == nil else { return }
    if let wanted = desk.wanted {
      state.value.scaling[service]?.wanted = nil
      run(.request(wanted), of: service, by: desk.scaler)
    } else if desk.mustObserve(at: now, every: configuration.observationPeriod) {
      run(.observe, of: service, by: desk.scaler)
    }
  }

  private enum ScalerTask: Equatable {
    case request(ScaleRequest)
    case observe

    /// For people.
    var words: String {
      switch self {
      case .request(let request): "ask for \(request.scale) nodes"
      case .observe: "see the scale"
      }
    }
  }

  private func run(_ task: ScalerTask, of service: ServiceName, by scaler: any Scaler) {
    loop.began()
    let done = loop.eventLoop.makePromise(of: DeploymentScale?.self)
    state.value.scaling[service]?.work = done.completeWithTask { () -> DeploymentScale? in
      switch task {
      case .request(let request):
        try await scaler.request(request.scale, leaving: request.leaving)
        return nil
      case .observe: return try await scaler.observe()
      }
    }
    done.futureResult.whenComplete { [self] result in
      let now = Moment.now().uptime
      state.value.scaling[service]?.work = nil
      switch result {
      case .success(let deployment?):
        state.value.scaling[service]?.observed(deployment, at: now)
      case .success(nil): state.value.scaling[service]?.requested()
      case .failure(let error):
        let reason = (error as? ScalerError)?.message ?? "\(error)"
        let isNews =
          state.value.scaling[service]?.failed(
            reason, isObserving: task == .observe, at: now) == true
        if isNews { logger.warning("the scaler of \(service) cannot \(task.words): \(reason)") }
      }
      loop.ended()
    }
  }

  // MARK: Directives

  func tell(_ decision: ScaleDecision) {
    logger.notice("autoscaler of \(decision.service): \(decision.words)")
    bus.publish(
      .scaleDecisions(of: decision.service),
      payload: ByteBuffer(bytes: AdminResponse(ScaleDecisionDocument(decision)).body))
  }

  func scale(_ request: ScaleRequest) {
    state.value.scaling[request.service]?.wanted = request
    guard let configuration = configuration.autoscaling else { return }
    useScaler(of: request.service, configuration, at: Moment.now().uptime)
  }

  func record(_ records: [AutoscalerRecord], of service: ServiceName) {
    state.value.scaling[service]?.record(records)
  }

  private func writeRecording(_ service: ServiceName) {
    guard let recorder = state.value.scaling[service]?.recorder,
      let start = state.value.machine.scalingStart(of: service),
      let (records, begins) = state.value.scaling[service]?.nextWrite(start: start)
    else { return }
    let beginsAt = begins ? Moment.now().wall.unixMilliseconds : nil
    loop.onDisk {
      try recorder.write(records, beginsAt: beginsAt)
    } completion: { [self] result in
      if case .failure(let error) = result {
        logger.warning("the autoscaler of \(service) is not recorded: \(error)")
      }
      let isDone = if case .success = result { true } else { false }
      state.value.scaling[service]?.wrote(isDone)
    }
  }
}

extension ScaleDecision {
  /// What is to be done and why, for people.
  var words: String {
    switch action {
    case .stay: "stay at \(members): \(reason)"
    case .scaleUp: "scale up from \(members) to \(wanted): \(reason)"
    case .scaleDown: "scale down from \(members) to \(wanted): \(reason)"
    case .requestAgain: "ask for \(wanted) again: \(reason)"
    }
  }
}
