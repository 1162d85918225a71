import CloudstateModel
import CloudstateProtocol
import Logging
import MessageBus
import NIOCore

// Keeping views for the next start, and telling the coordinator when that is done.

extension ClusterMembership {
  /// Requests of the coordinator that may wait for a view to be saved; more are refused.
  static let maximumWaitingAcknowledgements = 16

  /// Acknowledges a view once a restart of this node would find it, or a later one.
  func acknowledgeWhenSaved(_ version: UInt64, _ request: BusRequest) {
    if isSaved(version) { return request.answer(.success(acknowledgement)) }
    guard state.value.waiting.count < Self.maximumWaitingAcknowledgements else {
      return request.answer(
        .failure(BusError(.overloaded, "node \(nodeID) is still saving earlier views")))
    }
    state.value.waiting.append((version, request))
    saveIfIdle()
  }

  private func isSaved(_ version: UInt64) -> Bool {
    guard let saved = state.value.saved, let view = state.value.machine.view else { return false }
    return saved.coordinatorID == view.coordinatorID && saved.version >= version
  }

  /// Saves the newest view that is not saved yet, unless a save is under way; then that one's end begins the next. After
  /// many in a row it waits (``SavePace``). A failed save is tried again with the next heartbeat or delivery.
  func saveIfIdle() {
    guard !state.value.isSaving, let view = state.value.unsaved else { return }
    state.value.isSaving = true
    let now = uptime
    let delay = state.value.savePace.delay(at: now)
    guard delay == .zero else {
      loop.eventLoop.scheduleTask(in: delay.timeAmount) { [self] in
        guard !state.value.isStopped else { return }
        state.value.isSaving = false
        saveIfIdle()
      }
      return
    }
    state.value.savePace.began(at: now)
    state.value.unsaved = nil
    loop.onDisk { [saveView] in
      try saveView(SealedRecord.seal(view.message.storedBytes, name: Self.documentName))
    } completion: { [self] result in
      state.value.isSaving = false
      guard !state.value.isStopped else { return }
      switch result {
      case .success: saved(view)
      case .failure(let error): saveFailed(view, error)
      }
    }
  }

  private func saved(_ view: ClusterView) {
    state.value.saved = view
    let waiting = state.value.waiting
    state.value.waiting = waiting.filter { !isSaved($0.version) }
    let payload = acknowledgement
    for (version, request) in waiting where isSaved(version) { request.answer(.success(payload)) }
    if view.plan.number > state.value.acknowledgedPlan {
      state.value.acknowledgedPlan = view.plan.number
      bus.publish(.planAcknowledgement(nodeID), payload: payload)
    }
    saveIfIdle()
  }

  private func saveFailed(_ view: ClusterView, _ error: any Error) {
    logger.error("view \(view.version) of the cluster is followed but cannot be saved: \(error)")
    let waiting = state.value.waiting
    state.value.waiting = []
    for (_, request) in waiting {
      request.answer(.failure(BusError(.rejected, "node \(nodeID) cannot save the view: \(error)")))
    }
    if state.value.unsaved == nil { state.value.unsaved = view } else { saveIfIdle() }
  }

  /// Names the newest plan a restart of this node would find.
  private var acknowledgement: ByteBuffer {
    var message = Cloudstate_Internal_Cluster_PlanAcknowledgement()
    message.nodeID = nodeID.text
    message.planNumber = state.value.saved?.plan.number ?? 0
    return message.encoded
  }
}
