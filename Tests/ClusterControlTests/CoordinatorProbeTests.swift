import CloudstateModel
import Testing

@testable import ClusterControl

@Suite struct ProbeTraces {
  /// A node whose link has been used, silent since ten seconds.
  private func silentNode() throws -> CoordinatorTrace {
    var trace = CoordinatorTrace(try expecting(9), at: at(10))
    _ = trace.register(try registration("a"), at: at(10))
    trace.machine.linkUsed(to: try node("a"), .answered)
    pass(&trace, from: 10, to: 11.5)
    #expect(trace.probes.isEmpty)
    trace.tick(at: at(11.75))
    return trace
  }

  /// Looks at the clocks every quarter of a second, as the shell does.
  private func pass(_ trace: inout CoordinatorTrace, from start: Double, to end: Double) {
    var now = start
    while now < end {
      now += 0.25
      trace.tick(at: at(now))
    }
  }

  @Test("A process that is gone is down after two questions, long before its silence says so")
  func goneProcess() throws {
    var trace = try silentNode()
    let pause = trace.machine.configuration.probePause
    #expect(trace.probes == [.init(node: try node("a"), pause: .zero)])
    trace.tick(at: at(11.76))
    #expect(trace.probes.count == 1)
    try trace.probeEnded(.unreachable, "a", at: at(11.8))
    #expect(trace.liveness("a") == .alive)
    #expect(trace.probes.last == .init(node: try node("a"), pause: pause))
    try trace.probeEnded(.unreachable, "a", at: at(11.95))
    #expect(trace.liveness("a") == .down)
  }

  @Test("A process that does not answer, or does, is judged by its silence")
  func slowProcess() throws {
    for outcome in [CoordinatorMachine.ProbeOutcome.unknown, .answered] {
      var trace = try silentNode()
      try trace.probeEnded(.unreachable, "a", at: at(11.8))
      try trace.probeEnded(outcome, "a", at: at(12))
      try trace.probeEnded(.unreachable, "a", at: at(12.1))
      #expect(trace.liveness("a") == .alive)
      pass(&trace, from: 11.75, to: 12.75)
      #expect(trace.probes.count == 2)
      pass(&trace, from: 12.75, to: 13)
      #expect(trace.probes.count == 3)
      try trace.probeEnded(.unreachable, "a", at: at(13.1))
      #expect(trace.liveness("a") != .down)
    }
  }

  @Test("A node that is heard although it cannot be reached does not flap")
  func brokenLink() throws {
    var trace = try silentNode()
    try trace.probeEnded(.unreachable, "a", at: at(11.8))
    _ = try trace.heartbeat("a", at: at(11.9))
    try trace.probeEnded(.unreachable, "a", at: at(11.95))
    #expect(trace.liveness("a") == .alive)
    pass(&trace, from: 11.75, to: 14)
    #expect(trace.probes.count == 2)
    #expect(trace.liveness("a") == .alive)
    trace.machine.linkUsed(to: try node("a"), .answered)
    trace.tick(at: at(14.25))
    #expect(trace.probes.count == 3)
  }

  @Test("A link that failed while the node was heard tells nothing of it either")
  func failedDelivery() throws {
    var trace = CoordinatorTrace(try expecting(9), at: at(10))
    _ = trace.register(try registration("a"), at: at(10))
    trace.machine.linkUsed(to: try node("a"), .answered)
    trace.machine.linkUsed(to: try node("a"), .unreachable)
    _ = try trace.heartbeat("a", at: at(10.5))
    pass(&trace, from: 10, to: 12.5)
    #expect(trace.probes.isEmpty)
  }
}
