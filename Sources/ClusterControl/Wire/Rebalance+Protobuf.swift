import CloudstateModel
package import CloudstateProtocol

// Rebalances as they are stored.

extension Rebalance {
  /// Reads a stored rebalance; throws ``ClusterError`` with `.malformedMessage` for illegal names and
  /// unknown words.
  package init(_ message: Cloudstate_Internal_Cluster_Rebalance) throws(ClusterError) {
    guard let state = State(rawValue: message.state) else {
      throw malformed("unknown state of a rebalance: \(quoted(message.state))")
    }
    var steps: [RebalanceStep] = []
    steps.reserveCapacity(message.steps.count)
    for step in message.steps { steps.append(try RebalanceStep(step)) }
    self.init(
      id: message.id, reason: message.reason,
      createdAt: Timestamp(unixMilliseconds: message.createdAtUnixMilliseconds), state: state,
      steps: steps)
  }

  /// The stored form.
  package var message: Cloudstate_Internal_Cluster_Rebalance {
    var message = Cloudstate_Internal_Cluster_Rebalance()
    message.id = id
    message.reason = reason
    message.createdAtUnixMilliseconds = createdAt.unixMilliseconds
    message.state = state.rawValue
    message.steps = steps.map(\.message)
    return message
  }
}

extension RebalanceStep {
  fileprivate init(_ message: Cloudstate_Internal_Cluster_RebalanceStep) throws(ClusterError) {
    guard let state = State(rawValue: message.state) else {
      throw malformed("unknown state of a step: \(quoted(message.state))")
    }
    let action: Action =
      switch message.action {
      case "move": .move(from: try nodeID(message.source), to: try nodeID(message.target))
      case "add": .add(try nodeID(message.target))
      case "remove": .remove(try nodeID(message.source))
      default: throw malformed("unknown action of a step: \(quoted(message.action))")
      }
    self.init(
      shard: ShardID(service: try serviceName(message.service), index: message.shard),
      action: action, expectedBytes: message.expectedBytes,
      expectedPause: .microseconds(Int64(clamping: message.expectedPauseMicroseconds)),
      state: state, outcome: message.outcome,
      startedAt: Timestamp(storedMilliseconds: message.startedAtUnixMilliseconds),
      endedAt: Timestamp(storedMilliseconds: message.endedAtUnixMilliseconds),
      bytes: message.bytes,
      pause: message.pauseMicroseconds == 0
        ? nil : .microseconds(Int64(clamping: message.pauseMicroseconds)),
      addedTarget: message.addedTarget, keepsSource: message.keepsSource)
  }

  fileprivate var message: Cloudstate_Internal_Cluster_RebalanceStep {
    var message = Cloudstate_Internal_Cluster_RebalanceStep()
    message.service = shard.service.text
    message.shard = shard.index
    message.action = actionName
    message.source = source?.text ?? ""
    message.target = target?.text ?? ""
    message.expectedBytes = expectedBytes
    message.expectedPauseMicroseconds = expectedPause.wholeMicroseconds
    message.state = state.rawValue
    message.outcome = outcome
    message.startedAtUnixMilliseconds = startedAt?.unixMilliseconds ?? 0
    message.endedAtUnixMilliseconds = endedAt?.unixMilliseconds ?? 0
    message.bytes = bytes
    message.pauseMicroseconds = pause?.wholeMicroseconds ?? 0
    message.addedTarget = addedTarget
    message.keepsSource = keepsSource
    return message
  }

  /// The word for the action, in stored and printed forms.
  package var actionName: String {
    switch action {
    case .move: "move"
    case .add: "add"
    case .remove: "remove"
    }
  }
}

extension Timestamp {
  /// 0 stands for none.
  fileprivate init?(storedMilliseconds: Int64) {
    guard storedMilliseconds != 0 else { return nil }
    self.init(unixMilliseconds: storedMilliseconds)
  }
}
