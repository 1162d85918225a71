import CloudstateModel
import FoundationEssentials

/// One line of a recording: what the autoscaler got, and what it made of it.
///
/// A recording begins with the whole autoscaler, so a file can be closed and another begun at any time.
package enum AutoscalerRecord: Hashable, Sendable, Codable {
  case start(Autoscaler)
  case sample(NodeSample, uptimeMilliseconds: Int64)
  case tick(ScaleObservation, uptimeMilliseconds: Int64, wallMilliseconds: Int64)
  /// Follows the tick it belongs to, if something is to be done.
  case decision(ScaleDecision)

  /// The record as JSON on one line, without the line's end. Equal records give equal lines.
  ///
  /// - Throws: ``ClusterError`` with `.malformedMessage` if a number has no form in JSON.
  package var line: String {
    get throws(ClusterError) {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      do {
        return String(decoding: try encoder.encode(self), as: UTF8.self)
      } catch {
        throw ClusterError(.malformedMessage, "the record cannot be written: \(error)")
      }
    }
  }

  /// Reads a line.
  ///
  /// - Throws: ``ClusterError`` with `.malformedMessage`.
  package init(line: String) throws(ClusterError) {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(line.utf8))
    } catch {
      throw ClusterError(
        .malformedMessage, "not a record of the autoscaler: \(quoted(String(line.prefix(80))))")
    }
  }
}

/// An autoscaler that tells what to record. Decisions are as without recording.
package struct RecordedAutoscaler: Hashable, Sendable {
  package private(set) var autoscaler: Autoscaler

  package init(_ autoscaler: Autoscaler) { self.autoscaler = autoscaler }

  /// The record with which a recording begins.
  package var start: AutoscalerRecord { .start(autoscaler) }

  package mutating func receive(_ sample: NodeSample, at now: Moment) -> AutoscalerRecord? {
    guard sample.isPlausible else { return nil }
    autoscaler.receive(sample, at: now)
    return .sample(sample, uptimeMilliseconds: now.uptime.wholeMilliseconds)
  }

  package mutating func tick(
    _ observation: ScaleObservation, at now: Moment
  ) -> (decision: ScaleDecision, records: [AutoscalerRecord]) {
    let decision = autoscaler.tick(observation, at: now)
    let tick = AutoscalerRecord.tick(
      observation, uptimeMilliseconds: now.uptime.wholeMilliseconds,
      wallMilliseconds: now.wall.unixMilliseconds)
    return (decision, decision.action == .stay ? [tick] : [tick, .decision(decision)])
  }
}
