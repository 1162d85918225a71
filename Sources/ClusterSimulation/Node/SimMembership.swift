import CloudstateModel
import ClusterControl
import ShardReplication

/// A node's side of the cluster: carries out what its ``NodeMembershipMachine`` asks for, saves views, and tells the
/// coordinator of shards (`ClusterMembership`, `CloudstateNode+Shards`).
final class SimMembership {
  private unowned let run: NodeRun
  private let process: SimProcess
  private var machine: NodeMembershipMachine
  private let incarnation: UInt64
  private(set) var snapshot: ClusterSnapshot
  private var timer: UInt64 = 0
  private var timerDue: Duration?
  // Saving of views.
  private var unsaved: ClusterView?
  private var isSaving = false
  private var waiting: [(version: UInt64, answer: (Bool) -> Void)] = []
  private var plans = PlanFollower()
  private var reports = ReportQueue()
  /// A look at the queue is under way.
  private var isLooking = false
  /// Where the coordinator is that is asked.
  private var endpoint: String
  /// What ends the questions that are open, by number.
  private var questions: [UInt64: () -> Void] = [:]
  private var lastQuestion: UInt64 = 0

  init(_ run: NodeRun) {
    self.run = run
    process = run.process
    // As milliseconds of the calendar would, it rises with each start.
    incarnation = run.process.life
    let settings = run.cluster.settings
    let endpoints = run.cluster.coordinators.map(\.endpoint)
    endpoint = endpoints.first ?? ""
    var configuration = MembershipConfiguration(
      info: NodeInfo(
        node: run.nodeID, service: settings.service, requestEndpoint: "sim://\(run.nodeID)",
        publishEndpoint: "sim://\(run.nodeID)", publicAddress: "\(run.nodeID):9000",
        incarnation: incarnation),
      shardCount: settings.shardCount, coordinatorEndpoint: endpoints.joined(separator: ","))
    configuration.replicationFactor = settings.replicationFactor
    machine = NodeMembershipMachine(configuration: configuration)
    snapshot = machine.snapshot
  }

  func begin() {
    run.shards.hasNews = { [unowned self] in noteNews(of: $0) }
    perform(machine.start(saved: run.node.savedView, at: process.uptime))
    reportRegularly()
  }

  /// The process is gone: lets go of what refers to it.
  func end() { questions = [:] }

  // MARK: Views

  /// The coordinator delivers a view; `answer` says whether a restart would find it.
  func receive(_ view: ClusterView, answer: @escaping (Bool) -> Void) {
    if run.has(.planBackwards) { follow(view.plan.shards, moves: view.plan.moves) }
    let (reception, directives) = machine.viewDelivered(view, at: process.uptime)
    switch reception {
    case .refused: answer(false)
    case .followed:
      if isSaved(view.version) { answer(true) } else { waiting.append((view.version, answer)) }
    }
    perform(directives)
  }

  private func isSaved(_ version: UInt64) -> Bool {
    guard let saved = run.node.savedView, let view = machine.view else { return false }
    return saved.coordinatorID == view.coordinatorID && saved.version >= version
  }

  private func saveIfIdle() {
    guard !isSaving, let view = unsaved else { return }
    isSaving = true
    unsaved = nil
    process.after(run.node.diskLatency()) { [self] in
      run.node.savedView = view
      isSaving = false
      let due = waiting.filter { isSaved($0.version) }
      waiting.removeAll { isSaved($0.version) }
      due.forEach { $0.answer(true) }
      saveIfIdle()
    }
  }

  private func perform(_ directives: [NodeMembershipMachine.Directive]) {
    for directive in directives {
      switch directive {
      case .register(let registration): send(registration)
      case .heartbeat(let report): send(report)
      case .approach(let endpoint): approach(endpoint)
      // Which nodes the network reaches does not depend on links here.
      case .link, .unlink: break
      case .save(let view):
        unsaved = view
        saveIfIdle()
      case .changed(let assignments): announce(assignments)
      case .report(let line): process.note(line)
      }
    }
    setTimer()
  }

  private func announce(_ assignments: [ShardAssignment]) {
    snapshot = machine.snapshot
    var known = snapshot
    if run.has(.trustOldPlan) {
      known.coordinatorReachable = true
      known.refusal = nil
    }
    let all = plans.assignments(
      after: ClusterChange(snapshot: known, assignments: assignments))
    let moves = snapshot.moves
    // The shards' loops hear a little after everyone else.
    process.after(20 * Span.microsecond) { [self] in follow(all, moves: moves) }
  }

  private func follow(_ assignments: [ShardAssignment], moves: [ShardMove]) {
    for assignment in assignments {
      let move = moves.first { $0.shard == assignment.shard }
      run.shards.follow(assignment, move: move)
    }
  }

  // MARK: The coordinator

  private func send(_ registration: Registration) {
    ask("register") {
      $0.register(registration, answer: $1)
    } completion: { [self] result in
      let outcome = result.mapError { ClusterError(.unreachable, "the coordinator: \($0)") }
      perform(machine.registrationEnded(outcome, at: process.uptime))
    }
  }

  private func send(_ report: HeartbeatReport) {
    saveIfIdle()
    ask("heartbeat") {
      $0.heartbeat(report, answer: $1)
    } completion: { [self] result in
      let outcome = result.mapError { ClusterError(.unreachable, "the coordinator: \($0)") }
      perform(machine.heartbeatEnded(outcome, at: process.uptime))
    }
  }

  /// A node is linked with one coordinator at a time; what it asked the last one is not answered any more.
  private func approach(_ other: String) {
    process.note("turns to \(other)")
    endpoint = other
    let open = questions.sorted { $0.key < $1.key }
    questions = [:]
    process.after(20 * Span.microsecond) { for question in open { question.value() } }
  }

  private func ask<Answer>(
    _ label: @autoclosure () -> String,
    serve: @escaping (SimCoordinator, @escaping CoordinatorRun.Reply<Answer>) -> Void,
    completion: @escaping CoordinatorRun.Reply<Answer>
  ) {
    guard let coordinator = run.cluster.coordinator(at: endpoint) else {
      return completion(.failure(.unreachable))
    }
    lastQuestion += 1
    let number = lastQuestion
    questions[number] = { completion(.failure(.unreachable)) }
    run.cluster.network.request(
      label(), from: process, to: coordinator.process, timeout: MembershipTimes.request
    ) {
      serve(coordinator, $0)
    } completion: { [self] (result: Result<Answer, SimBusFailure>) in
      if questions.removeValue(forKey: number) != nil { completion(result) }
    }
  }

  private func setTimer() {
    let due = machine.nextWake
    guard due != timerDue else { return }
    timerDue = due
    timer += 1
    guard let due else { return }
    let number = timer
    process.afterOwn(max(.zero, due - process.uptime).asNanoseconds) { [self] in
      guard timer == number else { return }
      timerDue = nil
      perform(machine.wake(at: process.uptime))
    }
  }

  // MARK: Reports

  private func reportRegularly() {
    reports.addAll()
    sendReports()
    process.afterOwn(Span.second) { [self] in reportRegularly() }
  }

  private func noteNews(of shard: ShardID) {
    reports.add(shard)
    guard !isLooking else { return }
    isLooking = true
    process.after(10 * Span.microsecond) { [self] in
      isLooking = false
      sendReports()
    }
  }

  private func sendReports() {
    guard let message = reports.next() else { return }
    let shards =
      switch message {
      case .of(let shards): run.shards.reports(of: shards)
      case .ofAll: run.shards.reports()
      }
    guard !shards.isEmpty else { return reports.ended() }
    let report = ShardsReport(node: run.nodeID, incarnation: incarnation, shards: shards)
    ask("report of \(shards.count) shards") {
      $0.report(report, answer: $1)
    } completion: {
      [self] result in
      reports.ended()
      if case .success(let answer) = result {
        perform(machine.reportEnded(answer, at: process.uptime))
      }
      sendReports()
    }
  }
}

/// How long a node waits for the coordinator.
enum MembershipTimes {
  static let request = 2 * Span.second
}
