import CloudstateModel
import NIOCore

/// What a tail knows of one of its shards; a part of ``TailMachine``.
struct TailedShard: Sendable {
  /// Each phase leads to the next one below, `starting` also directly to `following`.
  enum Phase: Sendable {
    /// The position to begin at is not known yet; the lookup that finds it is sent or waits.
    case starting(TailPlan.Start)
    /// The last matching events are being sought.
    case scanning(LastEventsScan)
    /// They were found; the choice waits for the other shards.
    case scanned([EventAddress])
    /// Events behind `cursor` are sent as they can be read.
    case following
  }

  /// A row of failed lookups without a success between.
  struct Failing: Sendable {
    var since: NIODeadline
    var count: Int
    var retryAt: NIODeadline
    var reason: StreamReadFailure
    /// The client has been told.
    var isAnnounced: Bool
    /// A read was among the lookups that failed.
    var failedRead: Bool
    /// The owner has answered a question since, so that a read may be tried.
    var mayRead = false
  }

  let index: UInt32
  var phase: Phase
  /// Everything up to here was sent or did not match.
  var cursor: Position
  /// What the client knows of `cursor`; `nil` before it was told anything.
  var announced: Position?
  /// The last committed position heard of.
  var known: Position
  /// `known` at the time the outstanding read was sent.
  var knownAtRead: Position
  /// The last committed position at the first contact with the owner.
  var end: Position?
  /// Events before this one are not sent: the choice of the last ones may begin within a batch.
  var firstWanted: EventAddress?
  var outstanding: TailMachine.Lookup?
  var isPollDue = false
  var lastContact: NIODeadline
  var failing: Failing?

  init(index: UInt32, phase: Phase, cursor: Position, now: NIODeadline) {
    self.index = index
    self.phase = phase
    self.cursor = cursor
    known = cursor
    knownAtRead = cursor
    lastContact = now
  }

  var isFollowing: Bool {
    if case .following = phase { true } else { false }
  }

  /// Whether everything stored at the beginning of the call has been dealt with.
  var isCaughtUp: Bool {
    guard isFollowing, let end else { return false }
    return cursor >= end
  }

  /// Whether the client has not been told of the newest cursor.
  var isUnannounced: Bool { isFollowing && announced != cursor }

  /// Whether a failing owner has to answer a question before it is given a read.
  private var mustAskFirst: Bool { failing != nil && failing?.mayRead != true }

  /// What to ask the owner next, if anything.
  func wanted(now: NIODeadline, byteLimit: Int, endsAtCurrent: Bool) -> TailMachine.Lookup? {
    guard outstanding == nil else { return nil }
    if let failing, failing.retryAt > now { return nil }
    switch phase {
    case .starting(.since(let time)): return .locate(since: time)
    case .starting: return .lastPosition
    case .scanning(let scan):
      if mustAskFirst { return .poll }
      return scan.nextRead.map { .read(after: $0, byteLimit: byteLimit) }
    case .scanned: return nil
    case .following:
      if end == nil { return .lastPosition }
      if endsAtCurrent, isCaughtUp { return nil }
      // An owner that hangs must not keep the places of reads: it is asked a small question first.
      if mustAskFirst { return .poll }
      if cursor < known { return .read(after: cursor, byteLimit: byteLimit) }
      return isPollDue ? .poll : nil
    }
  }
}
