import CloudstateModel
import CloudstateProtocol
import Logging
import NIOCore

extension ClusterMembership {
  /// Shards that go into one message.
  static let reportsPerMessage = 4096

  /// Tells the coordinator of this node's shards (`cs.coordinator.shards`). A message that is lost is not repeated
  /// here: the caller reports again, with what is true then, until a plan answers it. Any thread. Not to be called
  /// after ``stop()``.
  package func report(_ shards: [ShardReport]) {
    guard !shards.isEmpty else { return }
    loop.execute { [self] in
      guard !state.value.isStopped else { return }
      for start in stride(from: 0, to: shards.count, by: Self.reportsPerMessage) {
        send(Array(shards[start..<min(start + Self.reportsPerMessage, shards.count)]))
      }
    }
  }

  private func send(_ shards: [ShardReport]) {
    let report = ShardsReport(
      node: nodeID, incarnation: configuration.info.incarnation, shards: shards)
    ask(.shardReports, payload: report.message.encoded) { [self] result in
      let outcome = decoded(result) { payload throws(ClusterError) in
        ShardsReportAnswer(
          try Cloudstate_Internal_Cluster_ShardsReportAnswer(reading: payload))
      }
      switch outcome {
      case .success(let answer):
        perform(state.value.machine.reportEnded(answer, at: uptime))
      case .failure(let error): logger.debug("report of shards: \(error)")
      }
    }
  }
}
