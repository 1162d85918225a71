/// Who of several coordinators leads: one candidate's side of it.
///
/// A pure value: events in, actions out, time as an argument (any monotonic reading). The leader is who made the key
/// `leader`, which hangs on its lease. The revision at which the key was made is the **fence**: every write of the
/// leader demands that the key is still that one, so a leader that does not know that it was replaced can write
/// nothing. The lease only decides when another may try, and the own clock only when to stop early.
///
/// What a watch missed is never guessed: after each break, and every now and then without one, the candidate asks
/// again, which means to make the key if it is not there and else to read it.
package struct LeaderElection: Sendable {
  /// What the shell is to do, in order.
  package enum Action: Hashable, Sendable {
    /// Ask for a lease, then call ``leaseGranted(_:timeToLive:askedAt:at:)`` or ``leaseRefused(_:at:)``.
    case grantLease
    /// Renew it, then call ``keptAlive(_:timeToLive:askedAt:at:)`` or ``keepAliveFailed(_:at:)``.
    case keepAlive(lease: Int64)
    /// Make the key if it is not there, else read it; then call ``answered(_:lease:at:)`` or ``askingFailed(_:at:)``.
    case ask(lease: Int64)
    /// Watch the key from this revision on, in the place of an older watch.
    case watch(from: Int64)
    case endWatch
    /// Begin to lead.
    case lead(fence: Int64)
    /// Stop leading at once, then call ``yielded(at:)``.
    case yield(reason: String)
    /// This is who leads as far as is known: another one, or nobody.
    case follow(LeaderCard?)
    /// End the lease if that is possible; nobody waits for it.
    case revoke(lease: Int64)
    /// Write a line to the log.
    case report(String)
  }

  /// What etcd says of the key.
  package enum Answer: Hashable, Sendable {
    /// It was made by this request.
    case made(revision: Int64)
    /// It was there.
    case found(card: LeaderCard?, lease: Int64, made: Int64, readAt: Int64)
  }

  /// A lease under way.
  struct Lease: Hashable, Sendable {
    var id: Int64
    var timeToLive: Duration
    /// When the last request that was answered was sent: etcd counts from then or later.
    var renewedAt: Duration
    var nextKeepAlive: Duration
    var isAsking = false
  }

  enum LeaseState: Hashable, Sendable {
    case none(retryAt: Duration)
    case asking
    case held(Lease)
  }

  enum Role: Hashable, Sendable {
    /// Nobody is known to lead.
    case candidate
    /// - Parameter made: the revision at which the key was made.
    case following(LeaderCard?, made: Int64)
    case leading(fence: Int64)
    /// Told to stop leading, and not done with it. Nothing new begins before, and the lease is not given up.
    case yielding(lease: Int64?)
    case stopped
  }

  let card: LeaderCard
  var role = Role.candidate
  var lease = LeaseState.none(retryAt: .zero)
  var isAsking = false
  /// When to ask for the key next.
  var askAt: Duration?
  var isWatching = false
  /// The newest deletion of the key that was told.
  var lastDeleted: Int64 = 0
  /// Requests that failed in a row; says when to tell of it.
  var failures = 0

  /// - Parameter card: of this candidate.
  package init(card: LeaderCard) { self.card = card }

  /// The pause after a failure.
  static let retryDelay = Duration.milliseconds(200)

  /// Whether this candidate may take itself for the leader.
  package var isLeading: Bool {
    if case .leading = role { true } else { false }
  }

  /// Whether nothing may begin now.
  var isIdle: Bool {
    switch role {
    case .yielding, .stopped: true
    case .candidate, .following, .leading: false
    }
  }

  /// When ``wake(at:)`` is due next; `nil` if no time matters now.
  package var nextWake: Duration? {
    guard !isIdle else { return nil }
    var times: [Duration] = []
    switch lease {
    case .none(let retryAt): times.append(retryAt)
    case .asking: break
    case .held(let held):
      times.append(Self.end(of: held))
      if !held.isAsking { times.append(held.nextKeepAlive) }
      if !isAsking, let askAt { times.append(askAt) }
    }
    return times.min()
  }

  /// When a holder must no longer rely on its lease: a tenth before its end, for clocks that run at different
  /// speeds and for the time it takes to stop.
  private static func end(of lease: Lease) -> Duration {
    lease.renewedAt + lease.timeToLive * 9 / 10
  }

  /// Takes up work.
  package mutating func start(at now: Duration) -> [Action] { wake(at: now) }

  /// A moment of ``nextWake`` has come. Calling it early does no harm.
  package mutating func wake(at now: Duration) -> [Action] {
    guard !isIdle else { return [] }
    switch lease {
    case .none(let retryAt):
      guard now >= retryAt else { return [] }
      lease = .asking
      return [.grantLease]
    case .asking:
      return []
    case .held(var held):
      if now >= Self.end(of: held) {
        return leaseLost(
          "etcd has not renewed the lease for \((now - held.renewedAt).wholeMilliseconds) ms",
          at: now)
      }
      var actions: [Action] = []
      if !held.isAsking, now >= held.nextKeepAlive {
        held.isAsking = true
        lease = .held(held)
        actions.append(.keepAlive(lease: held.id))
      }
      if !isAsking, let askAt, now >= askAt { actions += ask() }
      return actions
    }
  }

  // MARK: The lease

  package mutating func leaseGranted(
    _ id: Int64, timeToLive: Duration, askedAt: Duration, at now: Duration
  ) -> [Action] {
    guard lease == .asking, !isIdle else {
      return [.revoke(lease: id)]
    }
    failures = 0
    let held = Lease(
      id: id, timeToLive: timeToLive, renewedAt: askedAt,
      nextKeepAlive: askedAt + timeToLive / 5)
    lease = .held(held)
    askAt = now
    return wake(at: now)
  }

  package mutating func leaseRefused(_ reason: String, at now: Duration) -> [Action] {
    guard lease == .asking else { return [] }
    lease = .none(retryAt: now + Self.retryDelay)
    return failed("etcd grants no lease: \(reason)")
  }

  package mutating func keptAlive(
    _ id: Int64, timeToLive: Duration, askedAt: Duration, at now: Duration
  ) -> [Action] {
    guard case .held(var held) = lease, held.id == id else { return [] }
    guard timeToLive > .zero else {
      return leaseLost("etcd has ended the lease", at: now)
    }
    held.isAsking = false
    held.timeToLive = timeToLive
    held.renewedAt = max(held.renewedAt, askedAt)
    held.nextKeepAlive = held.renewedAt + timeToLive / 5
    lease = .held(held)
    return wake(at: now)
  }

  /// The renewal was not answered; it is tried again until the lease is over.
  package mutating func keepAliveFailed(_ id: Int64, at now: Duration) -> [Action] {
    guard case .held(var held) = lease, held.id == id else { return [] }
    held.isAsking = false
    held.nextKeepAlive = now + Self.retryDelay
    lease = .held(held)
    return wake(at: now)
  }

  private mutating func leaseLost(_ reason: String, at now: Duration) -> [Action] {
    guard case .held(let held) = lease else { return [] }
    if isLeading { return yield(reason) }
    lease = .none(retryAt: now)
    askAt = nil
    return [.revoke(lease: held.id)] + wake(at: now)
  }

  /// Tells of the first failure and then of every fiftieth, which is about every minute.
  mutating func failed(_ line: String) -> [Action] {
    failures += 1
    return failures % 50 == 1 ? [.report(line)] : []
  }
}
