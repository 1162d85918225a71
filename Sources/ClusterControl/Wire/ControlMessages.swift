package import CloudstateModel
package import CloudstateProtocol

// What a node and the coordinator say to each other, as the machines see it.

/// A node's wish to be a member (`cs.coordinator.register`).
package struct Registration: Hashable, Sendable {
  package var info: NodeInfo
  /// Shards of the node's service; all its nodes must agree.
  package var shardCount: UInt32
  /// The newest plan the node follows; 0 if none.
  package var planNumber: UInt64
  /// Copies of each shard that the service wants, the primary's included; at least 1.
  package var replicationFactor: UInt32

  package init(
    info: NodeInfo, shardCount: UInt32, planNumber: UInt64, replicationFactor: UInt32 = 1
  ) {
    self.info = info
    self.shardCount = shardCount
    self.planNumber = planNumber
    self.replicationFactor = replicationFactor
  }

  /// Reads a registration; throws `.malformedMessage` for what ``NodeInfo`` refuses.
  package init(_ message: Cloudstate_Internal_Cluster_RegisterRequest) throws(ClusterError) {
    self.init(
      info: try NodeInfo(message.node), shardCount: message.shardCount,
      planNumber: message.planNumber, replicationFactor: max(1, message.replicationFactor))
  }

  /// The wire form.
  package var message: Cloudstate_Internal_Cluster_RegisterRequest {
    var message = Cloudstate_Internal_Cluster_RegisterRequest()
    message.node = info.message
    message.shardCount = shardCount
    message.planNumber = planNumber
    message.replicationFactor = replicationFactor
    return message
  }
}

/// The coordinator's word on a registration.
package enum RegistrationAnswer: Hashable, Sendable {
  /// The node is a member. The view is durable at the coordinator.
  case accepted(ClusterView, heartbeatInterval: Duration, livenessTimeout: Duration)
  /// The node is no member, and why, for people.
  case refused(String)
  /// Another coordinator leads: the one at this bus endpoint, if one is known.
  case notLeader(endpoint: String?)

  /// Reads an answer; throws `.malformedMessage` for a malformed view or times that are zero.
  package init(_ message: Cloudstate_Internal_Cluster_RegisterResponse) throws(ClusterError) {
    if message.hasNotLeader {
      let endpoint = message.notLeader.leaderEndpoint
      guard endpoint.utf8.count <= NodeInfo.maximumTextLength else {
        throw malformed("a leader's endpoint has \(endpoint.utf8.count) bytes")
      }
      self = .notLeader(endpoint: endpoint.isEmpty ? nil : endpoint)
      return
    }
    guard message.refusal.isEmpty else {
      self = .refused(message.refusal)
      return
    }
    guard message.heartbeatIntervalMilliseconds > 0, message.livenessTimeoutMilliseconds > 0 else {
      throw malformed("a registration was accepted without heartbeat interval or liveness timeout")
    }
    self = .accepted(
      try ClusterView(message.view),
      heartbeatInterval: .milliseconds(Int64(message.heartbeatIntervalMilliseconds)),
      livenessTimeout: .milliseconds(Int64(message.livenessTimeoutMilliseconds)))
  }

  /// The wire form.
  package var message: Cloudstate_Internal_Cluster_RegisterResponse {
    var message = Cloudstate_Internal_Cluster_RegisterResponse()
    switch self {
    case .refused(let reason):
      message.refusal = reason
    case .notLeader(let endpoint):
      message.notLeader.leaderEndpoint = endpoint ?? ""
    case .accepted(let view, let heartbeatInterval, let livenessTimeout):
      message.view = view.message
      message.heartbeatIntervalMilliseconds = UInt32(clamping: heartbeatInterval.wholeMilliseconds)
      message.livenessTimeoutMilliseconds = UInt32(clamping: livenessTimeout.wholeMilliseconds)
    }
    return message
  }
}

/// What a node is doing, for the autoscaler and for people.
package struct NodeLoad: Hashable, Sendable {
  /// Commands answered since the node's start.
  package var commands: UInt64
  /// Entities in memory now.
  package var activeEntities: UInt32
  /// Calls of clients that are open now.
  package var openCalls: UInt32

  package static let none = NodeLoad(commands: 0, activeEntities: 0, openCalls: 0)

  package init(commands: UInt64, activeEntities: UInt32, openCalls: UInt32) {
    self.commands = commands
    self.activeEntities = activeEntities
    self.openCalls = openCalls
  }
}

/// A node's sign of life (`cs.node.<node>.heartbeat`).
package struct HeartbeatReport: Hashable, Sendable {
  package var node: NodeID
  package var incarnation: UInt64
  /// The newest plan and view the node has.
  package var planNumber: UInt64
  package var viewVersion: UInt64
  package var load: NodeLoad
  /// What was measured since the last sample, in about one heartbeat each second; for the autoscaler.
  package var sample: NodeSample?

  package init(
    node: NodeID, incarnation: UInt64, planNumber: UInt64, viewVersion: UInt64,
    load: NodeLoad = .none, sample: NodeSample? = nil
  ) {
    self.sample = sample
    self.node = node
    self.incarnation = incarnation
    self.planNumber = planNumber
    self.viewVersion = viewVersion
    self.load = load
  }

  /// Reads a heartbeat; throws `.malformedMessage` for an illegal node name.
  package init(_ message: Cloudstate_Internal_Cluster_Heartbeat) throws(ClusterError) {
    self.init(
      node: try nodeID(message.nodeID), incarnation: message.incarnation,
      planNumber: message.planNumber, viewVersion: message.viewVersion,
      load: NodeLoad(
        commands: message.load.commands, activeEntities: message.load.activeEntities,
        openCalls: message.load.openCalls))
    if message.hasSample {
      sample = NodeSample(message.sample, node: node, incarnation: incarnation)
    }
  }

  /// The wire form.
  package var message: Cloudstate_Internal_Cluster_Heartbeat {
    var message = Cloudstate_Internal_Cluster_Heartbeat()
    message.nodeID = node.text
    message.incarnation = incarnation
    message.planNumber = planNumber
    message.viewVersion = viewVersion
    message.load.commands = load.commands
    message.load.activeEntities = load.activeEntities
    message.load.openCalls = load.openCalls
    if let sample { message.sample = sample.message }
    return message
  }
}

/// The coordinator's word on a heartbeat.
package struct HeartbeatAnswer: Hashable, Sendable {
  /// The coordinator does not know this incarnation of the node.
  package var registerAgain: Bool
  /// Set when the node's view is behind.
  package var view: ClusterView?

  package init(registerAgain: Bool, view: ClusterView?) {
    self.registerAgain = registerAgain
    self.view = view
  }

  /// Reads an answer; throws `.malformedMessage` for a malformed view.
  package init(_ message: Cloudstate_Internal_Cluster_HeartbeatResponse) throws(ClusterError) {
    self.init(
      registerAgain: message.registerAgain,
      view: message.hasView ? try ClusterView(message.view) : nil)
  }

  /// The wire form.
  package var message: Cloudstate_Internal_Cluster_HeartbeatResponse {
    var message = Cloudstate_Internal_Cluster_HeartbeatResponse()
    message.registerAgain = registerAgain
    if let view { message.view = view.message }
    return message
  }
}
