package import CloudstateModel
package import CloudstateProtocol

/// What one node tells of its shards in one message (`cs.coordinator.shards`).
package struct ShardsReport: Hashable, Sendable {
  /// Longer reasons of unusable copies are cut.
  static let maximumReasonLength = 256

  package var node: NodeID
  package var incarnation: UInt64
  package var shards: [ShardReport]

  package init(node: NodeID, incarnation: UInt64, shards: [ShardReport]) {
    self.node = node
    self.incarnation = incarnation
    self.shards = shards
  }

  /// Reads a message; throws ``ClusterError`` with `.malformedMessage` for illegal names and for a shard
  /// that is named twice.
  package init(_ message: Cloudstate_Internal_Cluster_ShardsReport) throws(ClusterError) {
    let node = try nodeID(message.nodeID)
    var shards: [ShardReport] = []
    shards.reserveCapacity(message.shards.count)
    var seen: Set<ShardID> = []
    for entry in message.shards {
      let report = try ShardReport(entry)
      guard seen.insert(report.shard).inserted else {
        throw malformed("node \(node) reports shard \(report.shard) twice in one message")
      }
      shards.append(report)
    }
    self.init(node: node, incarnation: message.incarnation, shards: shards)
  }

  /// The wire form.
  package var message: Cloudstate_Internal_Cluster_ShardsReport {
    var message = Cloudstate_Internal_Cluster_ShardsReport()
    message.nodeID = node.text
    message.incarnation = incarnation
    message.shards = shards.map(\.message)
    return message
  }
}

/// The coordinator's word on reports of shards.
package struct ShardsReportAnswer: Hashable, Sendable {
  /// The coordinator does not know this incarnation of the node.
  package var registerAgain: Bool

  package init(registerAgain: Bool) { self.registerAgain = registerAgain }

  package init(_ message: Cloudstate_Internal_Cluster_ShardsReportAnswer) {
    self.init(registerAgain: message.registerAgain)
  }

  /// The wire form.
  package var message: Cloudstate_Internal_Cluster_ShardsReportAnswer {
    var message = Cloudstate_Internal_Cluster_ShardsReportAnswer()
    message.registerAgain = registerAgain
    return message
  }
}

extension ShardReport {
  fileprivate init(_ message: Cloudstate_Internal_Cluster_ShardReport) throws(ClusterError) {
    var copied: [NodeID: CopyGrowth] = [:]
    for copy in message.copied {
      copied[try nodeID(copy.nodeID)] = CopyGrowth(
        position: Position(copy.position), bytes: copy.bytes)
    }
    self.init(
      shard: ShardID(service: try serviceName(message.service), index: message.shard),
      epoch: Epoch(message.epoch), isServing: message.serving,
      caughtUp: Set(try nodeIDs(message.caughtUp)), lagging: Set(try nodeIDs(message.lagging)),
      isFenced: message.fenced, fenceFailed: message.fenceFailed,
      seenEpoch: Epoch(message.seenEpoch),
      unusable: message.unusable.isEmpty
        ? nil : String(message.unusable.prefix(ShardsReport.maximumReasonLength)),
      lastPosition: Position(message.lastPosition), lastEpoch: Epoch(message.lastEpoch),
      bytes: message.bytes,
      commands: message.commands, copied: copied)
  }

  fileprivate var message: Cloudstate_Internal_Cluster_ShardReport {
    var message = Cloudstate_Internal_Cluster_ShardReport()
    message.service = shard.service.text
    message.shard = shard.index
    message.epoch = epoch.number
    message.serving = isServing
    message.caughtUp = caughtUp.sorted().map(\.text)
    message.lagging = lagging.sorted().map(\.text)
    message.fenced = isFenced
    message.fenceFailed = fenceFailed
    message.seenEpoch = seenEpoch.number
    // Empty would say that the copy can be used.
    message.unusable = unusable.map { $0.isEmpty ? "no reason given" : $0 } ?? ""
    message.lastPosition = lastPosition.number
    message.lastEpoch = lastEpoch.number
    message.bytes = bytes
    message.commands = commands
    message.copied = copied.sorted { $0.key < $1.key }.map { node, growth in
      var copy = Cloudstate_Internal_Cluster_CopyPosition()
      copy.nodeID = node.text
      copy.position = growth.position.number
      copy.bytes = growth.bytes
      return copy
    }
    return message
  }
}
