import CommandClient
import CommandLineKit
import GRPCTransport
import NIOCore
import Testing

@Suite struct PolicyTests {
  private func moment(_ milliseconds: Int) -> NIODeadline {
    .uptimeNanoseconds(UInt64(milliseconds + 1000) * 1_000_000)
  }

  @Test("Only answers that leave the outcome open are retried, and only when wanted")
  func retriedCodes() {
    for code in GRPCStatus.Code.allCases {
      let isOpen = code == .unavailable || code == .deadlineExceeded
      let on = RetryPolicy(isEnabled: true).decision(
        after: code, attempt: 1, now: moment(0), deadline: moment(1000), random: 1)
      #expect(on == (isOpen ? .retry(after: .milliseconds(50)) : .accept), "\(code)")
      let off = RetryPolicy(isEnabled: false).decision(
        after: code, attempt: 1, now: moment(0), deadline: moment(1000), random: 1)
      #expect(off == .accept)
    }
  }

  @Test("what the node marks as retryable is sent again, whatever its status")
  func markedRetryable() {
    let policy = RetryPolicy(isEnabled: true)
    func decision(_ code: GRPCStatus.Code, marked: Bool) -> RetryPolicy.Decision {
      policy.decision(
        after: code, saysRetryable: marked, attempt: 1, now: .uptimeNanoseconds(0),
        deadline: .distantFuture, random: 0)
    }
    #expect(decision(.unknown, marked: true) == .retry(after: .milliseconds(25)))
    #expect(decision(.unknown, marked: false) == .accept)
    #expect(decision(.ok, marked: true) == .accept)
  }

  @Test("Waits double up to their limit, spread over half, and never pass the deadline")
  func retryDelays() {
    let policy = RetryPolicy(isEnabled: true)
    func delay(_ attempt: Int, random: Double, left: Int = 100_000) -> RetryPolicy.Decision {
      policy.decision(
        after: .unavailable, attempt: attempt, now: moment(0), deadline: moment(left),
        random: random)
    }
    #expect(delay(3, random: 1) == .retry(after: .milliseconds(200)))
    #expect(delay(3, random: 0) == .retry(after: .milliseconds(100)))
    #expect(delay(60, random: 1) == .retry(after: .seconds(2)))
    #expect(delay(60, random: 1, left: 1999) == .accept)
  }

  @Test("An attempt that may be repeated does not use up the whole time")
  func attemptDeadlines() {
    func deadline(_ isEnabled: Bool, attempt: Int, left: Int) -> NIODeadline {
      RetryPolicy(isEnabled: isEnabled).attemptDeadline(
        attempt: attempt, now: moment(0), deadline: moment(left))
    }
    #expect(deadline(true, attempt: 1, left: 60_000) == moment(2000))
    #expect(deadline(true, attempt: 3, left: 60_000) == moment(8000))
    #expect(deadline(true, attempt: 99, left: 60_000) == moment(8000))
    #expect(deadline(true, attempt: 1, left: 500) == moment(500))
    #expect(deadline(false, attempt: 1, left: 60_000) == moment(60_000))
  }

  @Test("A tail gives up at once on refusals, after its patience on silence, never once it follows")
  func reconnecting() {
    var policy = ReconnectPolicy(firstPatience: .seconds(5), patience: nil)
    #expect(policy.failed(.invalidArgument, now: moment(0), random: 1) == .giveUp)
    #expect(
      policy.failed(.unavailable, now: moment(0), random: 1) == .retry(after: .milliseconds(50)))
    #expect(
      policy.failed(.unavailable, now: moment(100), random: 1) == .retry(after: .milliseconds(100)))
    #expect(policy.failed(.unavailable, now: moment(4990), random: 1) == .giveUp)
    #expect(policy.succeeded(now: moment(5000)) == .milliseconds(5000))
    #expect(policy.succeeded(now: moment(5001)) == nil)
    #expect(
      policy.failed(.unavailable, now: moment(6000), random: 1) == .retry(after: .milliseconds(50)))
    #expect(
      policy.failed(.unavailable, now: moment(1_000_000), random: 1)
        == .retry(after: .milliseconds(100)))
  }

  @Test("A tail that is to end keeps its patience after the first success")
  func endingTail() {
    var policy = ReconnectPolicy(firstPatience: .seconds(5), patience: .seconds(30))
    #expect(policy.succeeded(now: moment(0)) == nil)
    #expect(policy.failed(.unavailable, now: moment(0), random: 0) != .giveUp)
    #expect(policy.failed(.unavailable, now: moment(29_000), random: 0) != .giveUp)
    #expect(policy.failed(.unavailable, now: moment(30_000), random: 0) == .giveUp)
  }

  @Test("Each gRPC code has its exit status")
  func exitStatuses() {
    #expect(GRPCStatus.Code.unknown.exitStatus == .rejected)
    #expect(GRPCStatus.Code.unavailable.exitStatus == .unreachable)
    #expect(GRPCStatus.Code.deadlineExceeded.exitStatus == .unreachable)
    #expect(GRPCStatus.Code.unimplemented.exitStatus == .notFound)
    #expect(GRPCStatus.Code.notFound.exitStatus == .notFound)
    #expect(GRPCStatus.Code.permissionDenied.exitStatus == .denied)
    #expect(GRPCStatus.Code.invalidArgument.exitStatus == .usage)
    #expect(GRPCStatus.Code.aborted.exitStatus == .conflict)
    #expect(GRPCStatus(.unknown, "no").programError().message == "no")
    #expect(GRPCStatus(.unavailable).programError().message == "UNAVAILABLE: UNAVAILABLE")
  }
}
