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
    let laneCount = min(concurrency, max(1, System.coreCount))
    let start = NIODeadline.now()
    let plan = LoadLane.Plan(
      schedule: schedule, start: start, laneCount: laneCount, concurrency: concurrency,
      makeCommand: factory
    ) { command, outcome in
      report?.add(outcome.reportLine(of: command))
    }
    let lanes = try await makeLanes(plan, discovery)
    let failure = await withTaskCancellationHandler {
      await withTaskGroup(of: ProgramError?.self) { group in
        for lane in lanes { group.addTask { await lane.run() } }
        let progress = Task.detachedProgress(lanes, start: start, console: console)
        defer { progress.cancel() }
        var failure: ProgramError?
        for await result in group { failure = failure ?? result }
        return failure
      }
    } onCancel: {
      for lane in lanes { lane.stop() }
    }
    let summary = await Self.summary(of: lanes, since: start)
    if let failure { throw failure }
    try print(summary)
    return Task.isCancelled ? .interrupted : summary.exitStatus
  }
}
