package import Synchronization

/// What a node's entities have done and hold. Written by the event loops, read by anyone.
package final class EntityCounters: Sendable {
  /// Commands taken since the start.
  package let commands = Atomic<UInt64>(0)
  /// Entities in memory now.
  package let activeEntities = Atomic<Int>(0)

  init() {}
}
