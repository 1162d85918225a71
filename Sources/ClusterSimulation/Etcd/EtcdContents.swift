import ClusterControl

/// What etcd holds of a cluster: the key `leader`, the coordinator's record, and leases. A pure value.
///
/// Each change has a revision of its own, from one counter; requests are carried out one after the other. The record
/// and its plan, which are two keys in the product, are written in one transaction there and are one value here.
struct EtcdContents {
  /// The key `leader`.
  struct Leader {
    let card: LeaderCard
    /// The revision at which it was made: the fence.
    let made: Int64
    let lease: Int64
  }

  /// The key `state`.
  struct State {
    let record: CoordinatorRecord
    /// The revision at which it was last changed.
    let changed: Int64
  }

  /// What happened to the key `leader`.
  enum Change {
    case made(LeaderCard, revision: Int64)
    case deleted(revision: Int64)

    var revision: Int64 {
      switch self {
      case .made(_, let revision), .deleted(let revision): revision
      }
    }
  }

  /// What came of a conditional write.
  enum Writing {
    /// At this revision.
    case done(Int64)
    /// A condition did not hold: nothing was written, and this is there.
    case refused(leader: Int64?, state: State?)
  }

  private struct Lease {
    var timeToLive: UInt64
    var renewedAt: UInt64
  }

  private(set) var revision: Int64 = 1
  private(set) var leader: Leader?
  private(set) var state: State?
  /// Of the key `leader`, in order.
  private(set) var changes: [Change] = []
  private var leases: [Int64: Lease] = [:]
  private var lastLease: Int64 = 0

  // MARK: Leases. Times are of etcd's own clock.

  mutating func grantLease(timeToLive: UInt64, at now: UInt64) -> Int64 {
    lastLease += 1
    leases[lastLease] = Lease(timeToLive: timeToLive, renewedAt: now)
    return lastLease
  }

  /// Answers how long the lease now has; 0 if it has ended.
  mutating func keepAlive(_ lease: Int64, at now: UInt64) -> UInt64 {
    leases[lease]?.renewedAt = now
    return leases[lease]?.timeToLive ?? 0
  }

  /// Ends the lease and the key that hangs on it.
  mutating func revoke(_ lease: Int64) {
    guard leases.removeValue(forKey: lease) != nil, leader?.lease == lease else { return }
    leader = nil
    revision += 1
    changes.append(.deleted(revision: revision))
  }

  /// Ends all leases whose time is over.
  mutating func expire(at now: UInt64) {
    for (id, lease) in leases.sorted(by: { $0.key < $1.key })
    where now >= lease.renewedAt + lease.timeToLive {
      revoke(id)
    }
  }

  /// All leases begin anew, as after an election among the members of etcd.
  mutating func extendLeases(at now: UInt64) {
    for id in leases.keys { leases[id]?.renewedAt = now }
  }

  // MARK: Transactions

  /// Makes the key if it is not there, else reads it; `nil` if there is no such lease.
  mutating func claim(_ card: LeaderCard, lease: Int64) -> LeaderElection.Answer? {
    if let leader {
      return .found(
        card: leader.card, lease: leader.lease, made: leader.made, readAt: revision)
    }
    guard leases[lease] != nil else { return nil }
    revision += 1
    leader = Leader(card: card, made: revision, lease: lease)
    changes.append(.made(card, revision: revision))
    return .made(revision: revision)
  }

  /// Writes the record.
  ///
  /// - Parameters:
  ///   - fence: demands that the key of the leader was made at this revision; `nil` demands nothing.
  ///   - changed: demands that the record was last changed at this revision, 0 if there is none; likewise.
  mutating func write(_ record: CoordinatorRecord, fence: Int64?, changed: Int64?) -> Writing {
    let isFenced = fence.map { $0 == leader?.made } ?? true
    let isExpected = changed.map { $0 == state?.changed ?? 0 } ?? true
    guard isFenced, isExpected else { return .refused(leader: leader?.made, state: state) }
    revision += 1
    state = State(record: record, changed: revision)
    return .done(revision)
  }
}
