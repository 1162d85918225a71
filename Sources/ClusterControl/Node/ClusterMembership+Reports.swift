package import CloudstateModel
import CloudstateProtocol
import Logging
import MessageBus
import NIOCore

extension ClusterMembership {
  /// Shards of one message; more are sent in several.
  private static let reportsPerMessage = 4096

  /// See ``ClusterHandle/report(_:heard:)``; the subject is `cs.coordinator.shards`.
  package func report(_ reports: [ShardReport], heard: @escaping @Sendable () -> Void) {
    let isTaken = loop.execute { [self] in send(reports[...], heard: heard) }
    if !isTaken { heard() }
  }

  private func send(_ reports: ArraySlice<ShardReport>, heard: @escaping @Sendable () -> Void) {
    guard !state.value.isStopped, !reports.isEmpty else { return heard() }
    let message = ShardsReport(
      node: nodeID, incarnation: configuration.info.incarnation,
      shards: Array(reports.prefix(Self.reportsPerMessage)))
    let rest = reports.dropFirst(Self.reportsPerMessage)
    ask(.shardReports, payload: message.message.encoded) { [self] result in
      take(result)
      if rest.isEmpty { heard() } else { send(rest, heard: heard) }
    }
  }

  private func take(_ result: Result<ByteBuffer, BusError>) {
    let outcome = decoded(result) { payload throws(ClusterError) in
      ShardsReportAnswer(try Cloudstate_Internal_Cluster_ShardsReportAnswer(reading: payload))
    }
    switch outcome {
    case .success(let answer): perform(state.value.machine.reportEnded(answer, at: uptime))
    case .failure(let error): logger.debug("report of shards: \(error)")
    }
  }
}
