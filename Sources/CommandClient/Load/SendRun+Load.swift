import CommandLineKit
import NIOCore

extension SendRun {
  /// Sends commands as the schedule says and prints what was achieved. Ends early when the task is
  /// cancelled; commands in flight are waited for.
  ///
  /// - Returns: the status of the most frequent failure; `interrupted` after a cancellation.
  func sendLoad(
    _ method: MethodCatalog.Entry, _ discovery: ClientSession.Discovery, _ report: ReportFile?,
    _ schedule: LoadSchedule, concurrency: Int
  ) async throws -> ExitStatus {
    let factory = try await factory(method, discovery)
    var random = SystemRandomNumberGenerator()
    // A body that is wrong for all commands is told of before the first is sent.
    _ = try factory.command(number: 1, using: &random)
    let start = NIODeadline.now()
    let plan = LoadLane.Plan(
      schedule: schedule, start: start,
      laneCount: min(concurrency, max(1, System.coreCount)), concurrency: concurrency,
      makeCommand: factory
    ) { command, outcome in
      report?.add(outcome.reportLine(of: command))
    }
    var lanes: [BoundLane] = []
    for lane in 0..<plan.laneCount { lanes.append(try await makeLane(lane, plan, discovery)) }
    let failure = await run(lanes, since: start)
    let summary = await Self.summary(of: lanes, since: start)
    if let failure { throw failure }
    if self.plan.output == .json {
      try console.output(summary.json.compact)
    } else {
      for line in summary.lines { try console.output(line) }
    }
    return Task.isCancelled ? .interrupted : summary.exitStatus
  }

  /// What a waiting run hears.
  private enum LoadEvent: Sendable {
    case laneEnded(ProgramError?)
    case progressDue
  }

  /// Waits for all lanes and tells how far they are, first after two seconds.
  private func run(_ lanes: [BoundLane], since start: NIODeadline) async -> ProgramError? {
    await withTaskCancellationHandler {
      await withTaskGroup(of: LoadEvent.self) { group in
        for lane in lanes { group.addTask { .laneEnded(await lane.run()) } }
        group.addTask { await Self.progressDue(after: .seconds(2)) }
        var running = lanes.count
        var failure: ProgramError?
        while running > 0, let event = await group.next() {
          switch event {
          case .laneEnded(let error):
            running -= 1
            failure = failure ?? error
          case .progressDue:
            // After a cancellation the wait would end at once, again and again.
            guard !Task.isCancelled else { continue }
            let summary = await Self.summary(of: lanes, since: start)
            console.info(summary.progressLine)
            group.addTask { await Self.progressDue(after: .seconds(1)) }
          }
        }
        group.cancelAll()
        return failure
      }
    } onCancel: {
      for lane in lanes { lane.stop() }
    }
  }

  private static func progressDue(after wait: Duration) async -> LoadEvent {
    // A cancelled wait ends early, which the receiver expects.
    try? await Task.sleep(for: wait)
    return .progressDue
  }

  private static func summary(of lanes: [BoundLane], since start: NIODeadline) async -> LoadSummary
  {
    var summary = LoadSummary()
    for lane in lanes { summary.merge(await lane.summary()) }
    summary.elapsed = NIODeadline.now() - start
    return summary
  }

  private func makeLane(
    _ index: Int, _ plan: LoadLane.Plan, _ discovery: ClientSession.Discovery
  ) async throws -> BoundLane {
    let eventLoop = session.group.next()
    return try await eventLoop.submit {
      BoundLane(
        LoadLane(
          plan: plan, lane: index,
          dispatcher: dispatcher(on: eventLoop, startingWith: discovery.serverIndex)))
    }.get()
  }
}

/// A lane that may be used from tasks.
private struct BoundLane: Sendable {
  private let lane: NIOLoopBound<LoadLane>
  private let eventLoop: any EventLoop

  /// Called on the lane's event loop.
  init(_ lane: LoadLane) {
    eventLoop = lane.eventLoop
    self.lane = NIOLoopBound(lane, eventLoop: lane.eventLoop)
  }

  /// Runs the lane to its end.
  func run() async -> ProgramError? {
    await withCheckedContinuation { continuation in
      eventLoop.execute { lane.value.run { continuation.resume(returning: $0) } }
    }
  }

  /// Ends the lane early.
  func stop() {
    eventLoop.execute { lane.value.stop() }
  }

  /// What the lane has achieved so far.
  func summary() async -> LoadSummary {
    await withCheckedContinuation { continuation in
      eventLoop.execute { continuation.resume(returning: lane.value.summary) }
    }
  }
}
