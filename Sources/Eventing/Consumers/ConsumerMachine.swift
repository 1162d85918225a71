package import CloudstateModel
package import NIOCore
package import ShardStore

/// Decides how one consumer goes through the events of one shard: what to read, which event to hand over,
/// when to store the position, how to wait and when to give up.
///
/// ```
///   loading --> ready --> reading --> ready --> calling --> ready ...
///                 ^                                |
///                 +------------- waiting <---------+  failed
///                                halted  <---------+  failed too often, policy stop
/// ```
///
/// A pure value: the shell tells what happened, then performs ``takeActions()`` and calls ``woke(now:)`` at
/// ``nextWake``. Invariants:
/// - One event at a time is with the function, in the order of the shard, so also in that of each entity.
/// - A position is stored only when everything before it is done. No event is left out, unless a policy
///   says so.
/// - No more than `eventsPerSave` events are done that a stored position does not cover.
package struct ConsumerMachine: Sendable {
  package enum Action: Hashable, Sendable {
    /// Answered by ``loaded(_:now:random:)``.
    case load
    /// Answered by ``read(_:now:random:)``.
    case read(after: Position, byteLimit: Int)
    /// Answered by ``called(_:now:random:)``.
    case call(ConsumedEvent, refusals: Int)
    /// Answered by ``stored(_:now:)``.
    case store(ConsumerPosition)
    case report(ConsumerReport)
    /// The consumer has stopped. Nothing follows.
    case finished
  }

  enum Phase {
    case loading
    /// Nothing is asked of anybody; what is next depends on what there is to do.
    case ready
    case reading
    case calling(ConsumedEvent)
    case waiting(until: NIODeadline, thenLoad: Bool)
    case halted
    case finished
  }

  let eventLog: String
  let shard: UInt32
  let settings: ConsumerSettings
  var phase = Phase.loading
  var actions: [Action] = []
  /// Everything up to here is done.
  var cursor = ConsumerPosition.start
  /// What a restart would begin from.
  var stored = ConsumerPosition.start
  /// On its way to the store.
  var saving: (position: ConsumerPosition, events: Int)?
  /// Events of the page that was read last and are not done.
  var page: [ConsumedEvent] = []
  var pageIndex = 0
  /// The last position of that page.
  var pageEnd = Position.start
  /// The last committed position heard of.
  var known = Position.start
  /// Whether there may be more than is known.
  var mustRead = true
  /// Events done that `stored` does not cover.
  var unsaved = 0
  /// Batches without events of the log since the position was last sent to the store.
  var passedBatches = 0
  var saveAt: NIODeadline?
  var isSaveUrgent = false
  /// A failed save is not repeated before this.
  var savesAgainAt: NIODeadline?
  var lookupFailures = 0
  /// Of the event that is next: failed tries, those that count against the event, and refusals by the
  /// function.
  var failures = 0
  var attempts = 0
  var refusals = 0
  package private(set) var isStopping = false
  private(set) var isGivenUp = false

  /// A consumer that has not started.
  package init(eventLog: String, shard: UInt32, settings: ConsumerSettings) {
    self.eventLog = eventLog
    self.shard = shard
    self.settings = settings
  }

  /// What is to be done now, in order; each once.
  package mutating func takeActions() -> [Action] {
    defer { actions.removeAll(keepingCapacity: true) }
    return actions
  }

  /// When to call ``woke(now:)``.
  package var nextWake: NIODeadline? {
    var wake: NIODeadline?
    if case .waiting(let until, _) = phase { wake = until }
    if case .finished = phase { return nil }
    if saving == nil, let save = saveDueAt { wake = min(wake ?? save, save) }
    return wake
  }

  // MARK: What happens

  package mutating func start() { actions.append(.load) }

  /// The stored position, or why it cannot be read.
  package mutating func loaded(
    _ result: Result<ConsumerPosition, StreamReadFailure>, now: NIODeadline, random: Double
  ) {
    guard case .loading = phase else { return }
    switch result {
    case .success(let position):
      (cursor, stored) = (position, position)
      lookupFailures = 0
      phase = .ready
    case .failure(let failure):
      lookupFailed(failure, thenLoad: true, now: now, random: random)
    }
    advance(now: now)
  }

  /// A page behind the cursor, or why there is none.
  package mutating func read(
    _ result: Result<StreamPage, StreamReadFailure>, now: NIODeadline, random: Double
  ) {
    guard case .reading = phase else { return }
    switch result {
    case .success(let page):
      lookupFailures = 0
      phase = .ready
      known = max(known, page.lastPosition)
      take(page)
    case .failure(let failure):
      lookupFailed(failure, thenLoad: false, now: now, random: random)
    }
    advance(now: now)
  }

  /// What became of the event that was handed over.
  package mutating func called(_ outcome: EventOutcome, now: NIODeadline, random: Double) {
    guard case .calling(let event) = phase else { return }
    phase = .ready
    switch outcome {
    case .handled: finish(event, now: now)
    case .refused(let reason, let wasRemembered):
      refusals += 1
      if settings.refusals == .skip {
        skip(event, because: reason, now: now)
      } else if !wasRemembered {
        failed(event, because: reason, counts: true, now: now, random: random)
      }
    // One from before a crash, remembered by an entity, needs no wait: what followed it comes next.
    case .failed(let reason):
      failed(event, because: reason, counts: true, now: now, random: random)
    case .unavailable(let reason):
      failed(event, because: reason, counts: false, now: now, random: random)
    }
    advance(now: now)
  }

  /// The position that was to be stored is, or why not.
  package mutating func stored(_ result: Result<Void, StreamReadFailure>, now: NIODeadline) {
    guard let saved = saving else { return }
    saving = nil
    switch result {
    case .success:
      stored = saved.position
      unsaved -= saved.events
      savesAgainAt = nil
    case .failure(let failure):
      savesAgainAt = now + settings.saveInterval
      actions.append(.report(.cannotStore(reason: failure.message)))
      // What is not stored is handed over again: nothing is lost by not waiting for it.
      if isStopping { stored = cursor }
    }
    advance(now: now)
  }

  /// The shard reaches at least to `position`.
  package mutating func grew(to position: Position, now: NIODeadline) {
    known = max(known, position)
    advance(now: now)
  }

  /// Time has passed.
  package mutating func woke(now: NIODeadline) {
    if case .waiting(let until, let thenLoad) = phase, now >= until {
      phase = thenLoad ? .loading : .ready
      if thenLoad { actions.append(.load) }
    }
    advance(now: now)
  }

  /// No event is handed over from now on. The one that is with the function is waited for, and its
  /// position stored, before ``Action/finished``.
  package mutating func stop(now: NIODeadline) {
    isStopping = true
    switch phase {
    case .loading, .reading, .waiting, .halted: phase = .ready
    case .ready, .calling, .finished: break
    }
    advance(now: now)
  }

  /// The shard is lost: as ``stop(now:)``, but no position is stored, as the shard's copy here may be behind it
  /// soon. One that is on its way to the store is waited for.
  package mutating func giveUp(now: NIODeadline) {
    isGivenUp = true
    stop(now: now)
  }
}
