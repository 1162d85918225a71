import Synchronization

/// One term of a leader: from the election to its end, as those see it who write in its name. Any thread.
package final class LeadershipTerm: Sendable {
  /// The revision at which the key of the leader was made. It is in every write of the term.
  package let fence: Int64
  private let over = Atomic(false)

  package init(fence: Int64) { self.fence = fence }

  /// Whether it is known to be over. A term may be over without this process knowing it: then the fence refuses.
  package var isOver: Bool { over.load(ordering: .acquiring) }

  /// No write is begun any more.
  package func end() { over.store(true, ordering: .releasing) }
}
