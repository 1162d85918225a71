import CloudstateModel
import ClusterControl

/// How a cluster is coordinated.
package enum Coordination: String, Sendable, CaseIterable {
  /// By one coordinator with a disk.
  case single
  /// By one of three that share an etcd.
  case elected
}

/// The process of a coordinator, which comes and goes.
final class SimCoordinator {
  static let usualSync: ClosedRange<UInt64> = Span.millisecond...10 * Span.millisecond

  let process: SimProcess
  unowned let cluster: SimCluster
  /// What a restart finds on the disk of a coordinator that is alone.
  var stored: CoordinatorRecord?
  private var alone: CoordinatorRun?
  private(set) var candidate: SimCandidate?
  private let etcd: SimEtcd?
  var sync = usualSync

  /// - Parameter etcd: that it shares with others; `nil` if it is alone.
  init(_ name: String, in cluster: SimCluster, etcd: SimEtcd?) {
    self.cluster = cluster
    self.etcd = etcd
    process = SimProcess(
      name, in: cluster.world, maximumDriftPPM: cluster.settings.maximumDriftPPM)
  }

  /// Where nodes reach it.
  var endpoint: String { "sim://\(process.name)" }

  /// The coordinator at work, as far as this process knows.
  var run: CoordinatorRun? {
    guard let run = alone ?? candidate?.run, !run.isSilent else { return nil }
    return run
  }

  // MARK: Life

  func start() {
    guard !process.isAlive else { return }
    process.start()
    if let etcd {
      process.note("stands for election")
      let candidate = SimCandidate(self, etcd: etcd)
      self.candidate = candidate
      candidate.begin()
    } else {
      process.note("starts with plan \(stored?.plan.number ?? 0)")
      let run = CoordinatorRun(
        process, in: cluster, store: DiskStore(of: self), stored: stored, identity: "simulated")
      alone = run
      run.begin()
    }
  }

  func crash() {
    guard process.isAlive else { return }
    process.note("crashes")
    end()
  }

  /// The process is gone.
  func end() {
    process.die()
    alone = nil
    candidate?.end()
    candidate = nil
  }

  // MARK: Requests of nodes. Who does not lead answers as the product's `StandbyResponder`.

  func register(
    _ registration: Registration, answer: @escaping CoordinatorRun.Reply<RegistrationAnswer>
  ) {
    if let run { return run.register(registration, answer: answer) }
    if let candidate { answer(.success(.notLeader(endpoint: candidate.leader?.endpoint))) }
  }

  func heartbeat(
    _ report: HeartbeatReport, answer: @escaping CoordinatorRun.Reply<HeartbeatAnswer>
  ) {
    if let run { return run.heartbeat(report, answer: answer) }
    if candidate != nil { answer(.success(HeartbeatAnswer(registerAgain: true, view: nil))) }
  }

  func report(
    _ report: ShardsReport, answer: @escaping CoordinatorRun.Reply<ShardsReportAnswer>
  ) {
    if let run { return run.report(report, answer: answer) }
    if candidate != nil { answer(.success(ShardsReportAnswer(registerAgain: true))) }
  }
}
