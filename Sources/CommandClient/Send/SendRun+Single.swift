import CloudstateModel
import CloudstateProtocol
import CommandLineKit
import GRPCTransport

extension SendRun {
  /// Sends one command and prints its reply, and its events when they are wanted.
  ///
  /// - Throws: ``ProgramError`` with the status of the failure.
  func sendOne(
    _ method: MethodCatalog.Entry, _ discovery: ClientSession.Discovery, _ report: ReportFile?
  ) async throws -> ExitStatus {
    let factory = try await factory(method, discovery)
    var random = SystemRandomNumberGenerator()
    let command = try factory.command(number: 1, using: &random)
    let outcome = try await sender(discovery).send(command)
    report?.add(outcome.reportLine(of: command))
    try print(outcome, of: command, factory)
    guard outcome.status.code == .ok else {
      try report?.close()
      var error = outcome.status.programError(hint: hint(after: outcome))
      error.status = outcome.exitStatus
      throw error
    }
    if plan.showsEvents { try await showEvents(of: outcome) }
    return .ok
  }

  private func hint(after outcome: CommandOutcome) -> String? {
    switch outcome.exitStatus {
    case .unreachable where !plan.retry.isEnabled:
      "--retry sends the command again, under one idempotency key"
    case .failure where outcome.errorCode == "entity-deleted":
      "deletion is final: use another entity id"
    case .failure where outcome.errorCode == "consistency-not-reached":
      "the change is stored and will reach all nodes; sending it again would make it twice"
    case .failure where outcome.status.code == .unknown:
      "the user function has broken the protocol; its log says more (cs-up logs)"
    default: nil
    }
  }

  private func showEvents(of outcome: CommandOutcome) async throws {
    guard let commitment = outcome.commitment, commitment.eventCount > 0 else {
      console.info("the command caused no events")
      return
    }
    let selection = TailSelection(
      patterns: [], start: .new,
      cursors: [commitment.shard: commitment.position.number - min(commitment.position.number, 1)],
      endsAtCurrent: true)
    let format = plan.output
    let console = console
    let run = TailRun(
      session: session, selection: selection, limit: commitment.eventCount, startedAt: wallClock(),
      console: console
    ) { event in
      guard event.shard == commitment.shard, event.position == commitment.position.number else {
        return
      }
      try console.output(
        format == .text ? event.textLine(offset: localOffset) : event.envelope.compact)
    }
    try await run.run()
  }
}
