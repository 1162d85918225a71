package import CloudstateModel
import CloudstateProtocol
import Logging
import MessageBus
import NIOCore

extension ClusterMembership {
  /// Shards of one message; more are sent in several.
  private static let reportsPerMessage = 4096

  /// Tells the coordinator of this node's shards (`cs.coordinator.shards`), and returns when it has heard or could
  /// not be reached. A message that is lost is not repeated here: the caller reports again, with what is true
  /// then, until a plan answers it. Any thread.
  package func report(_ reports: [ShardReport]) async {
    var rest = reports[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(Self.reportsPerMessage))
      rest = rest.dropFirst(part.count)
      await send(part)
    }
  }

  private func send(_ shards: [ShardReport]) async {
    let report = ShardsReport(
      node: nodeID, incarnation: configuration.info.incarnation, shards: shards)
    let payload = report.message.encoded
    await withCheckedContinuation { continuation in
      let isTaken = loop.execute { [self] in
        guard !state.value.isStopped else { return continuation.resume() }
        ask(.shardReports, payload: payload) { [self] result in
          heard(result)
          continuation.resume()
        }
      }
      if !isTaken { continuation.resume() }
    }
  }

  private func heard(_ result: Result<ByteBuffer, BusError>) {
    let outcome = decoded(result) { payload throws(ClusterError) in
      ShardsReportAnswer(try Cloudstate_Internal_Cluster_ShardsReportAnswer(reading: payload))
    }
    switch outcome {
    case .success(let answer): perform(state.value.machine.reportEnded(answer, at: uptime))
    case .failure(let error): logger.debug("report of shards: \(error)")
    }
  }
}
