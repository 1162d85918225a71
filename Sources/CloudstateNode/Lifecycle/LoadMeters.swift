import ClusterControl
import EntityRuntime
import NIOCore

extension ConcurrencyMeter: WorkMeter {}

extension NodeMeters {
  /// What the entities and actions of the node tell them.
  var work: WorkMeters { WorkMeters(functions: functions, store: store) }

  /// What was measured since the last call.
  func sample() -> NodeSample { sample(at: NIODeadline.now().uptimeNanoseconds) }
}
