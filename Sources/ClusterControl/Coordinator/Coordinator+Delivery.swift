import CloudstateModel
import CloudstateProtocol
import Logging
import MessageBus
import NIOCore

// What the coordinator sends to nodes: views, and questions whether they are there. On the loop.

extension Coordinator {
  private typealias ProbeOutcome = CoordinatorMachine.ProbeOutcome

  func publish(_ view: ClusterView) {
    let payload = view.message.encoded
    state.value.published = payload
    bus.publish(.plan, payload: payload)
    for member in view.members {
      if member.liveness == .alive {
        let fresh = ViewDelivery(configuration: configuration)
        let action = state.value.deliveries[member.node, default: fresh].offer(
          version: view.version)
        act(action, for: member.node)
      } else {
        state.value.deliveries[member.node]?.withdraw()
      }
    }
  }

  private func act(_ action: ViewDelivery.Action?, for node: NodeID) {
    guard !state.value.isSilent else { return }
    switch action {
    case nil: break
    case .send(let version): deliver(version, to: node)
    case .retry(let delay, let version):
      loop.eventLoop.scheduleTask(in: delay.timeAmount) { [self] in
        act(state.value.deliveries[node]?.retryDue(version: version), for: node)
      }
    case .giveUp(let version):
      logger.warning(
        """
        node \(node) does not acknowledge view \(version) after \
        \(configuration.publicationAttempts) attempts; it gets it with its next heartbeat
        """)
    }
  }

  private func deliver(_ version: UInt64, to node: NodeID) {
    guard let payload = state.value.published else { return }
    loop.began()
    bus.request(
      .plan, payload: payload, to: node, timeout: configuration.publicationTimeout.timeAmount,
      on: loop.eventLoop
    ) { [self] result in
      let isAcknowledged = isAcknowledgement(result, of: node)
      state.value.machine.linkUsed(to: node, ProbeOutcome(result))
      let action = state.value.deliveries[node]?.completed(
        version: version, isAcknowledged: isAcknowledged)
      act(action, for: node)
      loop.ended()
    }
  }

  private func isAcknowledgement(_ result: Result<ByteBuffer, BusError>, of node: NodeID) -> Bool {
    do {
      let message = try Cloudstate_Internal_Cluster_PlanAcknowledgement(reading: result.get())
      return message.nodeID == node.text
    } catch {
      logger.debug("node \(node) does not acknowledge a view: \(error)")
      return false
    }
  }

  /// Asks a node whether its process is there.
  func probe(_ node: NodeID, after pause: Duration) {
    guard pause == .zero else {
      loop.eventLoop.scheduleTask(in: pause.timeAmount) { [self] in probe(node, after: .zero) }
      return
    }
    guard !state.value.isSilent else { return }
    loop.began()
    bus.request(
      .probe(node), payload: ByteBuffer(), to: node,
      timeout: configuration.probeTimeout.timeAmount, on: loop.eventLoop
    ) { [self] result in
      perform(state.value.machine.probeEnded(ProbeOutcome(result), of: node, at: .now()))
      loop.ended()
    }
  }
}

extension CoordinatorMachine.ProbeOutcome {
  /// What a request to a node tells of its process.
  fileprivate init(_ result: Result<ByteBuffer, BusError>) {
    switch result {
    case .success: self = .answered
    case .failure(let error):
      switch error.code {
      case .unreachable: self = .unreachable
      // The other side said so itself.
      case .noResponder, .rejected: self = .answered
      case .timeout, .overloaded, .closed: self = .unknown
      }
    }
  }
}
