package import EtcdClient
package import Logging
import NIOCore

/// A running candidate: the shell around ``LeaderElection``.
///
/// It has a client, and with it a thread, of its own: nothing that stalls on the coordinator's side, such as a large
/// plan on its way, holds up the renewal of the lease.
package final class LeaderElector: Sendable {
  /// What changes for the coordinator of this process. All but ``follow(_:)`` come in turns.
  package enum Event: Sendable {
    /// It leads from now on, for this term.
    case lead(LeadershipTerm)
    /// The term is over, and marked so. Call ``LeaderElector/yielded()`` when nothing works in its name any more.
    case yield(reason: String)
    /// Who leads as far as is known: another one, or nobody.
    case follow(LeaderCard?)
  }

  private let client: EtcdClient
  private let keys: EtcdKeys
  private let card: LeaderCard
  private let timeToLive: Duration
  private let logger: Logger
  private let onEvent: @Sendable (Event) -> Void
  /// Everything that changes, on the client's loop only.
  private let state: NIOLoopBoundBox<State>

  private struct State {
    var election: LeaderElection
    var term: LeadershipTerm?
    var watch: EtcdWatch?
    /// Counts watches, so that the end of an old one is not taken for that of the new one.
    var watchNumber = 0
    var timer: Scheduled<Void>?
  }

  /// Begins to stand for election.
  ///
  /// - Parameters:
  ///   - client: the elector's own from now on; ``stop()`` shuts it down.
  ///   - card: what others learn of this candidate when it leads.
  ///   - timeToLive: of the lease.
  ///   - onEvent: called on the client's thread; must not block.
  package init(
    client: EtcdClient, keys: EtcdKeys, card: LeaderCard, timeToLive: Duration, logger: Logger,
    onEvent: @escaping @Sendable (Event) -> Void
  ) {
    self.client = client
    self.keys = keys
    self.card = card
    self.timeToLive = timeToLive
    self.logger = logger
    self.onEvent = onEvent
    state = .makeBoxSendingValue(
      State(election: LeaderElection(card: card)), eventLoop: client.eventLoop)
    onLoop { $0.start(at: $1) }
  }

  /// Nothing works in the name of the last term any more.
  package func yielded() { onLoop { $0.yielded(at: $1) } }

  /// The term cannot go on: a write was refused by its fence, or the coordinator could not start.
  package func refuted(_ term: LeadershipTerm, reason: String) {
    onLoop { [state] election, now in
      state.value.term === term ? election.refuted(reason, at: now) : []
    }
  }

  /// Gives the lease up and ends the client. Whoever worked in the name of a term has stopped before.
  package func stop() async throws {
    let revocations = try await client.eventLoop.submit { [self] in
      state.value.timer?.cancel()
      state.value.term?.end()
      return state.value.election.stop().compactMap { action -> EventLoopFuture<Void>? in
        switch action {
        case .revoke(let lease):
          return client.revoke(lease, timeout: Self.farewellTime)
        case .endWatch:
          state.value.watch?.cancel()
          return nil
        default: return nil
        }
      }
    }.get()
    for revocation in revocations { try? await revocation.get() }
    try await client.shutDown()
  }

  /// How long a candidate that stops tries to give its lease up.
  private static let farewellTime = Duration.seconds(1)

  // MARK: On the loop

  private func onLoop(
    _ event: @escaping @Sendable (inout LeaderElection, Duration) -> [LeaderElection.Action]
  ) {
    client.eventLoop.execute { [self] in
      let now = Moment.now().uptime
      // In two steps: the event may look at the state itself.
      var election = state.value.election
      let actions = event(&election, now)
      state.value.election = election
      perform(actions)
    }
  }

  private func perform(_ actions: [LeaderElection.Action]) {
    for action in actions {
      switch action {
      case .grantLease: grantLease()
      case .keepAlive(let lease): keepAlive(lease)
      case .ask(let lease): ask(lease)
      case .watch(let revision): watch(from: revision)
      case .endWatch:
        state.value.watchNumber += 1
        state.value.watch?.cancel()
        state.value.watch = nil
      case .lead(let fence):
        let term = LeadershipTerm(fence: fence)
        state.value.term = term
        onEvent(.lead(term))
      case .yield(let reason):
        state.value.term?.end()
        state.value.term = nil
        onEvent(.yield(reason: reason))
      case .follow(let card): onEvent(.follow(card))
      case .revoke(let lease):
        client.revoke(lease, timeout: Self.farewellTime).whenFailure { [logger] error in
          logger.debug("lease \(lease) is left to end by itself: \(error)")
        }
      case .report(let line): logger.warning("\(line)")
      }
    }
    setTimer()
  }

  private func setTimer() {
    state.value.timer?.cancel()
    state.value.timer = nil
    guard let due = state.value.election.nextWake else { return }
    let delay = max(.zero, due - Moment.now().uptime)
    state.value.timer = client.eventLoop.scheduleTask(in: delay.timeAmount) { [self] in
      onLoop { $0.wake(at: $1) }
    }
  }

  private func grantLease() {
    let askedAt = Moment.now().uptime
    client.grantLease(timeToLive: timeToLive, timeout: timeToLive).whenComplete { [self] result in
      switch result {
      case .success(let lease):
        onLoop {
          $0.leaseGranted(lease.id, timeToLive: lease.timeToLive, askedAt: askedAt, at: $1)
        }
      case .failure(let error): onLoop { $0.leaseRefused("\(error)", at: $1) }
      }
    }
  }

  private func keepAlive(_ id: Int64) {
    let askedAt = Moment.now().uptime
    client.keepAlive(id, timeout: timeToLive / 2).whenComplete { [self] result in
      switch result {
      case .success(let lease):
        onLoop { $0.keptAlive(id, timeToLive: lease.timeToLive, askedAt: askedAt, at: $1) }
      case .failure(let error):
        logger.debug("the lease was not renewed: \(error)")
        onLoop { $0.keepAliveFailed(id, at: $1) }
      }
    }
  }

  private func ask(_ lease: Int64) {
    client.transact(
      if: [.created(key: keys.leader, revision: 0)],
      then: [.put(key: keys.leader, value: Array(card.text.utf8), lease: lease)],
      else: [.read(key: keys.leader)], timeout: timeToLive
    ).whenComplete { [self] result in
      switch result {
      case .failure(let error): onLoop { $0.askingFailed("\(error)", at: $1) }
      case .success(let result):
        guard !result.succeeded else {
          return onLoop {
            $0.answered(.made(revision: result.revision), lease: lease, at: $1)
          }
        }
        guard let found = result.reads.first?.first else {
          return onLoop { $0.askingFailed("its answer holds no key", at: $1) }
        }
        let answer = LeaderElection.Answer.found(
          card: LeaderCard(found), lease: found.lease, made: found.createRevision,
          readAt: result.revision)
        onLoop { $0.answered(answer, lease: lease, at: $1) }
      }
    }
  }

  private func watch(from revision: Int64) {
    state.value.watchNumber += 1
    let number = state.value.watchNumber
    state.value.watch = client.watch(key: keys.leader, from: revision) { [self] event in
      guard number == state.value.watchNumber else { return }
      switch event {
      case .began: break
      case .put(let found):
        onLoop { $0.keyMade(LeaderCard(found), revision: found.createRevision, at: $1) }
      case .deleted(_, let revision):
        onLoop { $0.keyDeleted(revision: revision, at: $1) }
      case .ended(let error):
        logger.debug("the watch of the leader ended: \(error)")
        onLoop { $0.watchEnded(at: $1) }
      }
    }
  }
}

extension LeaderCard {
  fileprivate init?(_ found: EtcdKeyValue) {
    self.init(text: String(decoding: found.value, as: UTF8.self))
  }
}
