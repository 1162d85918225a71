package import CloudstateModel
import CloudstateProtocol
import Logging
import MessageBus
import NIOCore

extension ClusterMembership {
  /// Shards of one message; more are sent in several.
  private static let maximumReportsPerMessage = 1024

  /// Tells the coordinator what this node knows of its shards, and returns when it has heard, or could not be
  /// reached. Reports are repeated by who has them, so a lost one needs no care.
  package func report(_ reports: [ShardReport]) async {
    var rest = reports[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(Self.maximumReportsPerMessage))
      rest = rest.dropFirst(part.count)
      await send(part)
    }
  }

  private func send(_ reports: [ShardReport]) async {
    let payload = ShardsReport(
      node: nodeID, incarnation: configuration.info.incarnation, shards: reports
    ).message.encoded
    await withCheckedContinuation { continuation in
      let isTaken = loop.execute { [self] in
        guard !state.value.isStopped else { return continuation.resume() }
        ask(.shardReports, payload: payload) { [self] result in
          let outcome = decoded(result) { payload throws(ClusterError) in
            ShardsReportAnswer(
              try Cloudstate_Internal_Cluster_ShardsReportAnswer(reading: payload))
          }
          switch outcome {
          case .success(let answer):
            perform(state.value.machine.reportEnded(answer, at: uptime))
          case .failure(let error): logger.debug("reports of shards: \(error)")
          }
          continuation.resume()
        }
      }
      if !isTaken { continuation.resume() }
    }
  }
}
