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
    let isTaken = loop.execute { [self] in send(reports, heard: heard) }
    if !isTaken { heard() }
  }

  /// All parts go at once, so that no later report overtakes one of them.
  private func send(_ reports: [ShardReport], heard: @escaping @Sendable () -> Void) {
    guard !state.value.isStopped, !reports.isEmpty else { return heard() }
    let starts = Array(stride(from: 0, to: reports.count, by: Self.reportsPerMessage))
    let missing = NIOLoopBoundBox(starts.count, eventLoop: loop.eventLoop)
    for start in starts {
      let message = ShardsReport(
        node: nodeID, incarnation: configuration.info.incarnation,
        shards: Array(reports[start...].prefix(Self.reportsPerMessage)))
      ask(.shardReports, payload: message.message.encoded) { [self] result in
        take(result)
        missing.value -= 1
        if missing.value == 0 { heard() }
      }
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
