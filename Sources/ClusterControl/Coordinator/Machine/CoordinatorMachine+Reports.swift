import CloudstateModel

extension CoordinatorMachine {
  /// What a node says of its shards. The answer is due at once, it waits for no disk.
  ///
  /// Reports count only of the node's present process, under the epoch of the decided plan, from the shard's
  /// primary; a replica may say that its own copy cannot be used. What comes too early or too late is repeated.
  package mutating func shardsReported(
    _ message: ShardsReport, at now: Moment
  ) -> (answer: ShardsReportAnswer, directives: [Directive]) {
    clock = now
    guard let member = record.members[message.node], member.incarnation == message.incarnation
    else { return (ShardsReportAnswer(registerAgain: true), []) }
    let draft = PlanDraft(record.plan)
    for report in message.shards {
      guard let assignment = draft[report.shard],
        let isNews = knowledge.take(
          report, from: message.node, assignment: assignment, at: now.uptime)
      else { continue }
      hasNews = hasNews || isNews
    }
    return (
      ShardsReportAnswer(registerAgain: false), takeSteps(at: now) + writeIfNeeded()
    )
  }
}
