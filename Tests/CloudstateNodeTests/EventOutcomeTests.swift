import CloudstateModel
import Eventing
import Testing

@testable import CloudstateNode

/// What an answer means for the event that was handed over.
struct EventOutcomeTests {
  private func outcome(_ code: CommandError.Code) -> EventOutcome {
    EventOutcome(.error(CommandError(code, "text")))
  }

  @Test("Replies and failures of the function")
  func answers() {
    #expect(EventOutcome(CommandAnswer(.reply(nil))) == .handled)
    #expect(EventOutcome(CommandAnswer(.failure("no"))) == .refused("no", wasRemembered: false))
    var remembered = CommandAnswer(.failure("no"))
    remembered.commitment = Commitment(
      shard: 1, position: .start, epoch: Epoch(1), firstSequence: .none, eventCount: 0,
      isDuplicate: true)
    #expect(EventOutcome(remembered) == .refused("no", wasRemembered: true))
  }

  @Test(
    "What was done by an earlier try, or is done on one node, is done",
    arguments: [CommandError.Code.idempotencyKeyReused, .consistencyNotReached])
  func done(code: CommandError.Code) { #expect(outcome(code) == .handled) }

  @Test("Only what may be the event's fault counts against it")
  func errors() {
    let innocent = CommandError.Code.allCases.filter {
      if case .unavailable = outcome($0) { true } else { false }
    }
    #expect(
      innocent == [
        .entityTerminated, .recoveryFailed, .storeFailed, .overloaded, .functionUnavailable,
        .shardUnavailable, .outcomeUnknown, .stopping,
      ])
  }
}
