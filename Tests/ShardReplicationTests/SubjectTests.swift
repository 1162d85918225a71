import CloudstateModel
import Testing

/// The subjects of replication are no commands and no events, so no rule about those gives them away.
struct SubjectTests {
  @Test("What nodes tell each other of shards is neither a command nor an event")
  func isInternal() {
    for subject in [Subject.shardAppend, .shardFetch, .shardReports] {
      #expect(!SubjectPattern("cs.cmd.>")!.matches(subject))
      #expect(!SubjectPattern("cs.evt.>")!.matches(subject))
    }
  }
}
