import CloudstateModel
package import CloudstateProtocol

extension NodeInfo {
  /// Reads an address card.
  ///
  /// - Throws: ``ClusterError`` with `.malformedMessage` for illegal names, missing endpoints or
  ///   texts longer than ``maximumTextLength``.
  package init(_ message: Cloudstate_Internal_Cluster_NodeInfo) throws(ClusterError) {
    let node = try nodeID(message.nodeID)
    let service = try serviceName(message.service)
    guard !message.requestEndpoint.isEmpty, !message.publishEndpoint.isEmpty else {
      throw malformed("node \(node) gives no bus endpoints")
    }
    let texts = [
      message.requestEndpoint, message.publishEndpoint, message.publicAddress, message.zone,
    ]
    guard texts.allSatisfy({ $0.utf8.count <= Self.maximumTextLength }) else {
      throw malformed(
        "node \(node) gives an address or zone of more than \(Self.maximumTextLength) bytes")
    }
    self.init(
      node: node, service: service, requestEndpoint: message.requestEndpoint,
      publishEndpoint: message.publishEndpoint, publicAddress: message.publicAddress,
      incarnation: message.incarnation, zone: message.zone)
  }

  /// The card's wire form.
  package var message: Cloudstate_Internal_Cluster_NodeInfo {
    var message = Cloudstate_Internal_Cluster_NodeInfo()
    message.nodeID = node.text
    message.service = service.text
    message.requestEndpoint = requestEndpoint
    message.publishEndpoint = publishEndpoint
    message.publicAddress = publicAddress
    message.incarnation = incarnation
    message.zone = zone
    return message
  }
}

extension ClusterView {
  /// Reads a view.
  ///
  /// - Throws: ``ClusterError`` with `.malformedMessage` if there is no coordinator identity, a
  ///   member is named twice or has no known liveness, or the plan is malformed.
  package init(_ message: Cloudstate_Internal_Cluster_ClusterView) throws(ClusterError) {
    guard !message.coordinatorID.isEmpty else {
      throw malformed("a view without the identity of its coordinator")
    }
    var members: [NodeID: ClusterMember] = [:]
    for entry in message.members {
      let info = try NodeInfo(entry.node)
      guard members[info.node] == nil else {
        throw malformed("view \(message.version) names member \(info.node) twice")
      }
      members[info.node] = ClusterMember(
        info: info, liveness: try Liveness(entry.liveness), isDraining: entry.draining)
    }
    self.init(
      version: message.version, coordinatorID: message.coordinatorID,
      members: members.values.sorted { $0.node < $1.node }, plan: try Plan(message.plan))
  }

  /// The view's wire and stored form.
  package var message: Cloudstate_Internal_Cluster_ClusterView {
    var message = Cloudstate_Internal_Cluster_ClusterView()
    message.version = version
    message.coordinatorID = coordinatorID
    message.members = members.map { member in
      var entry = Cloudstate_Internal_Cluster_Member()
      entry.node = member.info.message
      entry.liveness = member.liveness.message
      entry.draining = member.isDraining
      return entry
    }
    message.plan = plan.message
    return message
  }
}

extension Liveness {
  fileprivate init(
    _ message: Cloudstate_Internal_Cluster_Member.Liveness
  ) throws(ClusterError) {
    switch message {
    case .alive: self = .alive
    case .suspect: self = .suspect
    case .down: self = .down
    case .unknown, .UNRECOGNIZED: throw malformed("a member of unknown liveness")
    }
  }

  fileprivate var message: Cloudstate_Internal_Cluster_Member.Liveness {
    switch self {
    case .alive: .alive
    case .suspect: .suspect
    case .down: .down
    }
  }
}
