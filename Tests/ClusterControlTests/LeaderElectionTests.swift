import Testing

@testable import ClusterControl

/// One candidate, with the answers of etcd given by hand. Times are seconds.
@Suite struct LeaderElectionTests {
  private typealias Action = LeaderElection.Action

  private static let own = LeaderCard(name: "a", endpoint: "tcp://a:1")
  private static let rival = LeaderCard(name: "b", endpoint: "tcp://b:1")

  private func seconds(_ seconds: Double) -> Duration { .milliseconds(Int64(seconds * 1000)) }

  /// A candidate that has lease 7 since second 0.
  private func candidate() -> LeaderElection {
    var election = LeaderElection(card: Self.own)
    #expect(election.start(at: .zero) == [.grantLease])
    let actions = election.leaseGranted(
      7, timeToLive: .seconds(5), askedAt: .zero, at: seconds(0.1))
    #expect(actions == [.ask(lease: 7)])
    return election
  }

  /// One that leads since revision 10.
  private func leader() -> LeaderElection {
    var election = candidate()
    let actions = election.answered(.made(revision: 10), lease: 7, at: seconds(0.2))
    #expect(actions == [.watch(from: 11), .lead(fence: 10)])
    return election
  }

  /// One that follows a rival elected at revision 10.
  private func follower() -> LeaderElection {
    var election = candidate()
    let actions = election.answered(
      .found(card: Self.rival, lease: 3, made: 10, readAt: 12), lease: 7, at: seconds(0.2))
    #expect(actions == [.follow(Self.rival), .watch(from: 13)])
    return election
  }

  @Test("Who makes the key leads, with the revision of the key as the fence")
  func elected() { #expect(leader().isLeading) }

  @Test("An election whose outcome was not answered is found out by the lease")
  func electedWithoutAnswer() {
    var election = candidate()
    _ = election.askingFailed("time is up", at: seconds(1))
    #expect(election.nextWake == seconds(1))
    #expect(election.wake(at: seconds(1)) == [.keepAlive(lease: 7)])
    #expect(election.wake(at: seconds(1.2)) == [.ask(lease: 7)])
    let actions = election.answered(
      .found(card: nil, lease: 7, made: 9, readAt: 20), lease: 7, at: seconds(1.3))
    #expect(actions == [.watch(from: 21), .lead(fence: 9)])
  }

  @Test("A leader stops before its lease can end, counted from when the last renewal was sent")
  func stopsInTime() {
    var election = leader()
    #expect(election.wake(at: seconds(1)) == [.keepAlive(lease: 7)])
    // Sent at 1, answered at 3: the lease may end at 6.
    _ = election.keptAlive(7, timeToLive: .seconds(5), askedAt: seconds(1), at: seconds(3))
    _ = election.wake(at: seconds(3))
    _ = election.keepAliveFailed(7, at: seconds(5.4))
    #expect(election.isLeading)
    let actions = election.wake(at: seconds(5.5))
    guard case .yield? = actions.first else {
      Issue.record("leads on: \(actions)")
      return
    }
    #expect(!election.isLeading)
    // The lease is kept until nothing works in its name any more.
    #expect(!actions.contains(.revoke(lease: 7)))
    #expect(election.nextWake == nil)
    #expect(election.wake(at: seconds(60)).isEmpty)
    #expect(election.yielded(at: seconds(60)) == [.revoke(lease: 7), .grantLease])
  }

  @Test("A leader that slept through its lease stops with the first thing it does")
  func sleeper() {
    var election = leader()
    let actions = election.wake(at: seconds(100))
    guard case .yield? = actions.first else {
      Issue.record("leads on: \(actions)")
      return
    }
    #expect(!actions.contains(.keepAlive(lease: 7)))
  }

  @Test("A leader stops when etcd has ended its lease, its key is gone, or another leads")
  func endings() {
    let endings: [(inout LeaderElection, Duration) -> [LeaderElection.Action]] = [
      { $0.keptAlive(7, timeToLive: .zero, askedAt: .zero, at: $1) },
      { $0.keyDeleted(revision: 11, at: $1) },
      { $0.keyMade(Self.rival, revision: 12, at: $1) },
      { $0.refuted("the fence is down", at: $1) },
    ]
    for ending in endings {
      var election = leader()
      let actions = ending(&election, seconds(1))
      guard case .yield? = actions.first else {
        Issue.record("leads on: \(actions)")
        continue
      }
      #expect(actions.contains(.endWatch) && actions.contains(.follow(nil)))
      _ = election.yielded(at: seconds(2))
      let standing = election.leaseGranted(
        8, timeToLive: .seconds(5), askedAt: seconds(2), at: seconds(2))
      #expect(standing == [.ask(lease: 8)])
    }
  }

  @Test("What a watch tells late of the time before the own election changes nothing")
  func lateNews() {
    var election = leader()
    #expect(election.keyMade(Self.rival, revision: 8, at: seconds(1)).isEmpty)
    #expect(election.keyDeleted(revision: 9, at: seconds(1)).isEmpty)
    #expect(election.isLeading)
  }

  @Test("A follower stands when the leader's key goes, also when the news overtakes an answer")
  func takeover() {
    var election = follower()
    #expect(election.keyDeleted(revision: 20, at: seconds(0.5)) == [.follow(nil), .ask(lease: 7)])
    // An answer from before the deletion: it is asked again.
    let actions = election.answered(
      .found(card: Self.rival, lease: 3, made: 10, readAt: 19), lease: 7, at: seconds(0.6))
    #expect(actions.contains(.ask(lease: 7)))
    let won = election.answered(.made(revision: 21), lease: 7, at: seconds(0.7))
    #expect(won.contains(.lead(fence: 21)))
  }

  @Test("After a break or a gap of the watch the key is read again, and watched from there")
  func gap() {
    var election = follower()
    _ = election.watchEnded(at: seconds(0.3))
    #expect(election.wake(at: seconds(0.5)) == [.ask(lease: 7)])
    let other = LeaderCard(name: "c", endpoint: "tcp://c:1")
    let actions = election.answered(
      .found(card: other, lease: 4, made: 30, readAt: 44), lease: 7, at: seconds(0.6))
    #expect(actions == [.follow(other), .watch(from: 45)])
    // A leader reads again, too, and goes on if its key is still there.
    var leading = leader()
    _ = leading.watchEnded(at: seconds(0.3))
    #expect(leading.wake(at: seconds(0.5)) == [.ask(lease: 7)])
    let found = LeaderElection.Answer.found(card: nil, lease: 7, made: 10, readAt: 50)
    #expect(leading.answered(found, lease: 7, at: seconds(0.6)) == [.watch(from: 51)])
    #expect(leading.isLeading)
  }

  @Test("A key of its own from before is not waited for, and nobody is sent to it")
  func leftover() {
    var election = candidate()
    let actions = election.answered(
      .found(card: Self.own, lease: 2, made: 5, readAt: 9), lease: 7, at: seconds(0.2))
    #expect(actions == [.follow(nil), .watch(from: 10), .revoke(lease: 2)])
    #expect(election.keyDeleted(revision: 10, at: seconds(0.3)).contains(.ask(lease: 7)))
  }

  @Test("A key of its own from before whose end the watch has told is not waited for")
  func leftoverGone() {
    var election = follower()
    _ = election.watchEnded(at: seconds(0.3))
    _ = election.wake(at: seconds(0.5))
    _ = election.keyDeleted(revision: 20, at: seconds(0.6))
    let actions = election.answered(
      .found(card: Self.own, lease: 2, made: 15, readAt: 19), lease: 7, at: seconds(0.7))
    #expect(actions.contains(.ask(lease: 7)))
  }

  @Test("A leader whose writes are refused does not stand again at once")
  func refuted() {
    var election = leader()
    _ = election.refuted("denied", at: seconds(1))
    #expect(election.yielded(at: seconds(1.01)) == [.revoke(lease: 7)])
    #expect(election.wake(at: seconds(1.1)).isEmpty)
    #expect(election.wake(at: seconds(1.2)) == [.grantLease])
  }

  @Test("A leader whose key was made anew under it has lost its fence")
  func fenceLost() {
    var election = leader()
    _ = election.watchEnded(at: seconds(0.3))
    _ = election.wake(at: seconds(0.5))
    let actions = election.answered(.made(revision: 60), lease: 7, at: seconds(0.6))
    guard case .yield? = actions.first else {
      Issue.record("leads on: \(actions)")
      return
    }
  }

  @Test("A follower looks again now and then, and gets a new lease when its own is lost")
  func follows() {
    var election = follower()
    _ = election.keptAlive(7, timeToLive: .seconds(5), askedAt: seconds(4), at: seconds(4))
    #expect(election.wake(at: seconds(5.2)).contains(.ask(lease: 7)))
    let lost = election.keptAlive(7, timeToLive: .zero, askedAt: seconds(5), at: seconds(5.3))
    #expect(lost == [.revoke(lease: 7), .grantLease])
    // The answer to what was asked with the old lease counts for nothing: its key would end with it.
    let late = election.answered(.made(revision: 70), lease: 7, at: seconds(5.4))
    #expect(late == [.revoke(lease: 7)])
    #expect(!election.isLeading)
  }

  @Test("Whoever stops gives the lease up and does nothing more")
  func stops() {
    var election = leader()
    #expect(election.stop() == [.endWatch, .revoke(lease: 7)])
    #expect(election.wake(at: seconds(50)).isEmpty)
    #expect(election.answered(.made(revision: 1), lease: 7, at: seconds(50)).isEmpty)
    #expect(
      election.leaseGranted(9, timeToLive: .seconds(5), askedAt: .zero, at: .zero)
        == [.revoke(lease: 9)])
  }

  @Test("A leader's card is read back, and garbage is nobody")
  func card() {
    #expect(LeaderCard(text: Self.rival.text) == Self.rival)
    for text in ["", "a", "a b c d"] { #expect(LeaderCard(text: text) == nil) }
  }
}
