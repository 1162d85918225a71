import CloudstateModel
import NIOCore

/// Requests that wait for their answer, each until it is answered, fails or passes its deadline; whatever
/// comes first takes it out, so that it completes exactly once. A pure value.
struct PendingRequests<Completion> {
  struct Entry {
    let peer: NodeID
    let deadline: NIODeadline
    let completion: Completion
    /// Whether the request was handed to the network: then the peer may have acted on it.
    var isSent = false
  }

  private let limitPerPeer: Int
  private var entries: [UInt64: Entry] = [:]
  private var countByPeer: [NodeID: Int] = [:]
  private var deadlines = DeadlineQueue()

  init(limitPerPeer: Int) { self.limitPerPeer = limitPerPeer }

  var count: Int { entries.count }

  /// The earliest deadline, or one that was: an answered request leaves its deadline behind for a while.
  var nextDeadline: NIODeadline? { deadlines.first }

  /// Files a request under an id not in use; `false`, changing nothing, if the peer's bound is reached.
  mutating func insert(
    _ id: UInt64, to peer: NodeID, deadline: NIODeadline, completion: Completion
  ) -> Bool {
    guard countByPeer[peer, default: 0] < limitPerPeer else { return false }
    countByPeer[peer, default: 0] += 1
    entries[id] = Entry(peer: peer, deadline: deadline, completion: completion)
    deadlines.insert(id, deadline: deadline)
    return true
  }

  func isPending(_ id: UInt64) -> Bool { entries[id] != nil }

  mutating func markSent(_ id: UInt64) { entries[id]?.isSent = true }

  /// Takes out the request that `peer` has answered; `nil` for answers that are late, repeated or not
  /// `peer`'s to give.
  mutating func answer(_ id: UInt64, from peer: NodeID) -> Completion? {
    guard entries[id]?.peer == peer else { return nil }
    return remove(id)?.completion
  }

  /// Takes out all requests whose deadline has come.
  mutating func removeExpired(by now: NIODeadline) -> [Entry] {
    var expired: [Entry] = []
    while let id = deadlines.popFirst(dueBy: now) {
      if let entry = remove(id) { expired.append(entry) }
    }
    return expired
  }

  /// Takes out all requests to one peer, oldest first.
  mutating func removeAll(to peer: NodeID) -> [Entry] {
    guard countByPeer[peer] != nil else { return [] }
    let ids = entries.filter { $0.value.peer == peer }.keys.sorted()
    return ids.compactMap { remove($0) }
  }

  /// Takes out everything, oldest first.
  mutating func removeAll() -> [Entry] {
    entries.keys.sorted().compactMap { remove($0) }
  }

  private mutating func remove(_ id: UInt64) -> Entry? {
    guard let entry = entries.removeValue(forKey: id) else { return nil }
    let rest = countByPeer[entry.peer, default: 1] - 1
    countByPeer[entry.peer] = rest > 0 ? rest : nil
    discardStaleDeadlines()
    return entry
  }

  /// Rebuilds the heap when most of it belongs to requests that are gone, so that it stays in proportion
  /// to what is pending, at constant cost per request.
  private mutating func discardStaleDeadlines() {
    guard deadlines.count > 2 * entries.count + 1024 else { return }
    deadlines = DeadlineQueue()
    for (id, entry) in entries { deadlines.insert(id, deadline: entry.deadline) }
  }
}
