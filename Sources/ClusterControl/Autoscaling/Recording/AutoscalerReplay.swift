import CloudstateModel

/// Decides again from a recording.
package struct AutoscalerReplay: Hashable, Sendable {
  /// The decisions of all ticks, also those to stay.
  package private(set) var decisions: [ScaleDecision] = []
  /// Numbers of lines (from 1) with a recorded decision that was not made again. Always empty for an unchanged
  /// recording of this version, replayed with its own settings.
  package private(set) var differences: [Int] = []

  /// Runs a recording.
  ///
  /// - Parameters:
  ///   - lines: in their order; empty lines are left out.
  ///   - settings: to try how others would have done under the same load; `nil` for the recorded ones. The load is the
  ///     recorded one all the same, as if a change of scale did not change it.
  /// - Returns: the decisions of all ticks.
  /// - Throws: ``ClusterError`` with `.malformedMessage` and the number of the line that cannot be used, or
  ///   `.invalidConfiguration` for bad settings.
  package static func run(
    _ lines: some Sequence<String>, settings: AutoscalerSettings? = nil
  ) throws(ClusterError) -> [ScaleDecision] {
    try AutoscalerReplay(lines, settings: settings).decisions
  }

  /// See ``run(_:settings:)``.
  package init(
    _ lines: some Sequence<String>, settings: AutoscalerSettings? = nil
  ) throws(ClusterError) {
    try settings?.validate()
    var autoscaler: Autoscaler?
    // A recorded decision must be that of the tick before it, and a tick without one must stay.
    var undone: (line: Int, decision: ScaleDecision)?
    for (index, line) in lines.enumerated() where !line.isEmpty {
      let number = index + 1
      let record: AutoscalerRecord
      do {
        record = try AutoscalerRecord(line: line)
      } catch {
        throw ClusterError(error.code, "line \(number): \(error.message)")
      }
      if case .decision(let recorded) = record {
        if undone?.decision != recorded { differences.append(number) }
        undone = nil
        continue
      }
      if let missing = undone { differences.append(missing.line) }
      undone = nil
      if case .start(let start) = record {
        autoscaler =
          settings.map {
            Autoscaler(service: start.service, settings: $0, state: start.state)
          } ?? start
        continue
      }
      guard var current = autoscaler else {
        throw ClusterError(
          .malformedMessage, "line \(number): a recording begins with the autoscaler's start")
      }
      switch record {
      case .sample(let sample, let uptime):
        current.receive(sample, at: moment(uptime, wall: 0))
      case .tick(let observation, let uptime, let wall):
        let decision = current.tick(observation, at: moment(uptime, wall: wall))
        decisions.append(decision)
        if decision.action != .stay { undone = (number, decision) }
      case .start, .decision: break
      }
      autoscaler = current
    }
    if let missing = undone { differences.append(missing.line) }
  }
}

private func moment(_ uptime: Int64, wall: Int64) -> Moment {
  Moment(uptime: .milliseconds(uptime), wall: Timestamp(unixMilliseconds: wall))
}
