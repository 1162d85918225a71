import CloudstateModel
import ClusterControl
import ShardReplication

/// One life of a candidate's process: carries out what its ``LeaderElection`` asks for, and coordinates while it leads
/// (`LeaderElector` and `ElectedCoordinator`).
final class SimCandidate {
  private unowned let owner: SimCoordinator
  private let process: SimProcess
  private let world: World
  private unowned let etcd: SimEtcd
  private let card: LeaderCard
  private var election: LeaderElection
  private var timer: UInt64 = 0
  private var watch: EtcdWatching?
  /// The term under way.
  private var term: TermStore?
  /// Whose record is read or who is at work, also for a little while after the term.
  private var store: TermStore?
  private(set) var run: CoordinatorRun?
  /// Who leads, as nodes are told.
  private(set) var leader: LeaderCard?
  /// What a planted bug has read too early.
  private var early: CoordinatorRecord??
  private(set) var isResigning = false
  /// When the last event of the election is carried out.
  private var lastEvent: UInt64 = 0

  init(_ owner: SimCoordinator, etcd: SimEtcd) {
    self.owner = owner
    self.etcd = etcd
    process = owner.process
    world = owner.cluster.world
    card = LeaderCard(name: owner.process.name, endpoint: owner.endpoint)
    election = LeaderElection(card: card)
  }

  private var lease: UInt64 { owner.cluster.settings.electionLease }

  func begin() { feed { $0.start(at: $1) } }

  /// Stops in good order: gives the lease up when nothing works in its name any more.
  func resign() {
    guard !isResigning else { return }
    isResigning = true
    process.note("stops")
    term?.end()
    run?.fallSilent()
    let farewell = { [self] in
      perform(election.stop())
      process.after(world.random.span(Span.millisecond...20 * Span.millisecond)) { [owner] in
        owner.end()
      }
    }
    if let store { store.whenIdle(farewell) } else { farewell() }
  }

  /// The process is gone: lets go of what refers to it.
  func end() {
    watch?.cancel()
    watch = nil
    run?.onFailure = {}
    run = nil
    (term, store) = (nil, nil)
  }

  // MARK: The election

  private func feed(_ event: (inout LeaderElection, Duration) -> [LeaderElection.Action]) {
    perform(event(&election, process.uptime))
  }

  private func perform(_ actions: [LeaderElection.Action]) {
    for action in actions {
      switch action {
      case .grantLease: grantLease()
      case .keepAlive(let lease): keepAlive(lease)
      case .ask(let lease): ask(lease)
      case .watch(let revision): watch(from: revision)
      case .endWatch:
        watch?.cancel()
        watch = nil
      case .lead(let fence):
        let store = TermStore(
          fence: fence, etcd: etcd, process: process, cluster: owner.cluster)
        term = store
        soon { [self] in lead(store) }
      case .yield(let reason):
        process.note("yields: \(reason)")
        term?.end()
        term = nil
        soon { [self] in yield() }
      case .follow(let card): soon { [self] in follow(card) }
      case .revoke(let lease): revoke(lease)
      case .report(let line): process.note(line)
      }
    }
    setTimer()
  }

  /// What the election decides is carried out by another thread, in order.
  private func soon(_ body: @escaping () -> Void) {
    lastEvent = max(world.now + world.random.span(1_000...500_000), lastEvent + 1)
    process.after(lastEvent - world.now) { [self] in
      if !isResigning { body() }
    }
  }

  private func setTimer() {
    timer += 1
    guard let due = election.nextWake else { return }
    let number = timer
    process.afterOwn(max(.zero, due - process.uptime).asNanoseconds) { [self] in
      if timer == number { feed { $0.wake(at: $1) } }
    }
  }

  // MARK: Requests

  private func ask<Answer>(
    _ label: @autoclosure @escaping () -> String, timeout: UInt64,
    _ decide: @escaping (inout EtcdContents, UInt64) -> Answer,
    then event: @escaping (Result<Answer, SimBusFailure>) -> Void
  ) {
    etcd.request(
      label(), from: process, timeout: timeout, attempt: lease / 4, decide, completion: event)
  }

  private func grantLease() {
    let (askedAt, wanted) = (process.uptime, lease)
    ask("grant", timeout: lease) {
      $0.grantLease(timeToLive: wanted, at: $1)
    } then: {
      [self] result in
      switch result {
      case .success(let id):
        feed {
          $0.leaseGranted(id, timeToLive: wanted.asDuration, askedAt: askedAt, at: $1)
        }
      case .failure(let failure): feed { $0.leaseRefused(failure.rawValue, at: $1) }
      }
    }
  }

  private func keepAlive(_ id: Int64) {
    let askedAt = process.uptime
    ask("keep \(id) alive", timeout: lease / 2) {
      $0.keepAlive(id, at: $1)
    } then: {
      [self] result in
      switch result {
      case .success(let timeToLive):
        feed { $0.keptAlive(id, timeToLive: timeToLive.asDuration, askedAt: askedAt, at: $1) }
      case .failure: feed { $0.keepAliveFailed(id, at: $1) }
      }
    }
  }

  private func ask(_ id: Int64) {
    let card = card
    ask("claim with \(id)", timeout: lease) { contents, _ in
      contents.claim(card, lease: id)
    } then: {
      [self] result in
      switch result {
      case .success(let answer?): feed { $0.answered(answer, lease: id, at: $1) }
      case .success(nil): feed { $0.askingFailed("there is no such lease", at: $1) }
      case .failure(let failure): feed { $0.askingFailed(failure.rawValue, at: $1) }
      }
    }
  }

  private func revoke(_ id: Int64) {
    ask("revoke \(id)", timeout: Span.second) { contents, _ in
      contents.revoke(id)
    } then: { _ in
    }
  }

  private func watch(from revision: Int64) {
    watch?.cancel()
    watch = etcd.watch(from: revision, by: process) { [self] change in
      switch change {
      case .made(let card, let revision):
        feed { $0.keyMade(card, revision: revision, at: $1) }
      case .deleted(let revision): feed { $0.keyDeleted(revision: revision, at: $1) }
      case nil: feed { $0.watchEnded(at: $1) }
      }
    }
  }

  // MARK: Leading

  private func follow(_ card: LeaderCard?) {
    leader = card
    guard owner.cluster.settings.plant == .readBeforeElected, early == nil else { return }
    ask("read", timeout: lease) { contents, _ in
      contents.state?.record
    } then: {
      [self] result in
      if case .success(let record) = result { early = .some(record) }
    }
  }

  private func lead(_ store: TermStore) {
    process.note("leads from revision \(store.fence)")
    // Whoever asks before this one has begun is not sent to the last leader.
    leader = nil
    self.store = store
    if let early {
      self.early = nil
      store.beginUnread()
      return coordinate(early, store)
    }
    store.load { [self] answer in
      guard let record = answer, !isResigning else { return refuted(store) }
      coordinate(record, store)
    }
  }

  private func coordinate(_ record: CoordinatorRecord?, _ store: TermStore) {
    owner.cluster.terms += 1
    process.note("coordinates, with plan \(record?.plan.number ?? 0)")
    let run = CoordinatorRun(
      process, in: owner.cluster, store: store, stored: record,
      identity: "simulated-\(store.fence)")
    run.onFailure = { [self] in soon { [self] in refuted(store) } }
    self.run = run
    run.begin()
  }

  /// The term cannot go on.
  private func refuted(_ store: TermStore) {
    if term === store { feed { $0.refuted("a write was refused", at: $1) } }
  }

  private func yield() {
    guard let store else { return ended() }
    run?.fallSilent()
    store.whenIdle { [self] in ended() }
  }

  /// Nothing works in the name of the last term any more.
  private func ended() {
    guard !isResigning else { return }
    run?.fallSilent()
    run = nil
    store = nil
    soon { [self] in feed { $0.yielded(at: $1) } }
  }
}

extension UInt64 {
  /// Nanoseconds as a duration.
  fileprivate var asDuration: Duration { .nanoseconds(Int64(clamping: self)) }
}
