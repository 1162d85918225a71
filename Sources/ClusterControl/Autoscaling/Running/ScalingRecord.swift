package import CloudstateModel
import FoundationEssentials

/// What must not be forgotten of one service's autoscaler; kept with the plan.
package struct ScalingRecord: Hashable, Sendable, Codable {
  /// Nodes that are on their way out.
  package struct Leaving: Hashable, Sendable, Codable {
    /// They are drained, and may be stopped when they hold nothing.
    package var nodes: [NodeID]
    /// How many nodes there are to be then.
    package var scale: Int
  }

  package var state = AutoscalerState.stable
  /// Only of scalers that leave draining to the coordinator.
  package var leaving: Leaving?

  package init(state: AutoscalerState = .stable, leaving: Leaving? = nil) {
    self.state = state
    self.leaving = leaving
  }

  /// The record as it is stored: JSON.
  var storedBytes: [UInt8] {
    get throws(ClusterError) {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      do {
        return Array(try encoder.encode(self))
      } catch {
        throw ClusterError(.storeFailed, "the autoscaler's state has no form in JSON: \(error)")
      }
    }
  }

  /// - Throws: ``ClusterError`` with `.malformedMessage`.
  init(storedBytes: some Sequence<UInt8>) throws(ClusterError) {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(storedBytes))
    } catch {
      throw malformed("the autoscaler's state cannot be read: \(error)")
    }
  }
}
