import CLinux
import NIOPosix
package import Synchronization

/// What a node's entities have done and hold. Written by the event loops, read by anyone.
package final class EntityCounters: Sendable {
  /// Entities that are put away before their memory is given back to the system.
  private static let entitiesPerRelease = 1_000

  /// Commands taken since the start.
  package let commands = Atomic<UInt64>(0)
  /// Entities in memory now.
  package let activeEntities = Atomic<Int>(0)
  private let retiredSinceRelease = Atomic<Int>(0)

  init() {}

  /// An entity has left memory. What many of them held goes back to the system, on a thread that may wait: the
  /// allocator alone would keep it for entities to come.
  ///
  /// - Parameter isLast: whether its event loop has no more of its kind.
  func retired(isLast: Bool) {
    activeEntities.subtract(1, ordering: .relaxed)
    let count = retiredSinceRelease.add(1, ordering: .relaxed).newValue
    guard count >= (isLast ? Self.entitiesPerRelease : 5 * Self.entitiesPerRelease),
      retiredSinceRelease.exchange(0, ordering: .relaxed) > 0
    else { return }
    NIOThreadPool.singleton.submit { _ in cs_release_free_memory() }
  }
}
