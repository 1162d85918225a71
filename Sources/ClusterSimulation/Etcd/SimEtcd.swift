import ClusterControl

/// The etcd that coordinators share: answers one request after the other, as its majority decides them, and tells of
/// the key `leader`. It never forgets, but it may be slow, be without a majority, or be cut off.
final class SimEtcd {
  static let usualLatency: ClosedRange<UInt64> = 500 * Span.microsecond...5 * Span.millisecond

  /// All its members as one, with the clock of the one that minds the leases.
  let process: SimProcess
  private let network: SimNetwork
  private let world: World
  private(set) var contents = EtcdContents()
  /// How long a request takes until it is decided, and then again until it is answered.
  var latency = usualLatency
  /// Without it nothing is decided, and no lease ends.
  private(set) var hasMajority = true
  private var waiting: [() -> Void] = []
  private var watches: [EtcdWatching] = []
  private var told = 0

  init(in cluster: SimCluster) {
    world = cluster.world
    network = cluster.network
    process = SimProcess(
      "etcd", in: cluster.world, maximumDriftPPM: cluster.settings.maximumDriftPPM)
  }

  func start() {
    process.start()
    expireRegularly()
  }

  private func expireRegularly() {
    // Leases end by the clock, and a little late.
    process.afterOwn(world.random.span(20 * Span.millisecond...300 * Span.millisecond)) {
      [self] in
      if hasMajority { change { $0.expire(at: $1) } }
      expireRegularly()
    }
  }

  // MARK: Faults

  func loseMajority() { hasMajority = false }

  /// Decides again: leases begin anew, and of the requests that waited some are carried out now and some never.
  func regainMajority() {
    guard !hasMajority else { return }
    hasMajority = true
    change { $0.extendLeases(at: $1) }
    let due = waiting
    waiting = []
    for request in due where world.random.chance(ppm: 500_000) { request() }
  }

  /// Ends the lease of whoever leads, as an operator might.
  func revokeLeader() {
    guard hasMajority, let lease = contents.leader?.lease else { return }
    change { contents, _ in contents.revoke(lease) }
  }

  func breakWatches() {
    for watch in watches { end(watch) }
  }

  // MARK: Requests

  /// Makes a request, again and again until it is answered or the time is over. One that was not answered may have
  /// been carried out, also more than once, or may be later.
  ///
  /// - Parameters:
  ///   - timeout: for all attempts together.
  ///   - attempt: for one.
  func request<Answer>(
    _ label: @autoclosure @escaping () -> String, from client: SimProcess, timeout: UInt64,
    attempt: UInt64, _ decide: @escaping (inout EtcdContents, UInt64) -> Answer,
    completion: @escaping (Result<Answer, SimBusFailure>) -> Void
  ) {
    let deadline = client.freshNow + timeout
    network.request(
      label(), from: client, to: process, timeout: min(timeout, attempt), isRepeatable: false,
      outlivesSender: true
    ) { [self] answer in
      process.after(world.random.span(latency)) { [self] in
        whenDecided { [self] in
          let word = change(decide)
          process.after(world.random.span(latency)) { answer(.success(word)) }
        }
      }
    } completion: { [self] (result: Result<Answer, SimBusFailure>) in
      let pause = 20 * Span.millisecond
      guard case .failure = result, client.freshNow + pause < deadline else {
        return completion(result)
      }
      client.afterOwn(pause) { [self] in
        let now = client.freshNow
        request(
          label(), from: client, timeout: deadline > now ? deadline - now : 1, attempt: attempt,
          decide, completion: completion)
      }
    }
  }

  private func whenDecided(_ request: @escaping () -> Void) {
    if hasMajority { request() } else { waiting.append(request) }
  }

  @discardableResult
  private func change<Answer>(_ body: (inout EtcdContents, UInt64) -> Answer) -> Answer {
    let answer = body(&contents, process.now)
    for change in contents.changes[told...] {
      for watch in watches { tell(watch, change) }
    }
    told = contents.changes.count
    return answer
  }

  // MARK: Watches

  /// Tells of each change of the key `leader` from this revision on, in order; `event` hears `nil` when nothing more
  /// follows.
  func watch(
    from revision: Int64, by client: SimProcess, event: @escaping (EtcdContents.Change?) -> Void
  ) -> EtcdWatching {
    let watch = EtcdWatching(client, event)
    network.request(
      "watch from \(revision)", from: client, to: process, timeout: 2 * Span.second,
      isRepeatable: false
    ) { [self] answer in
      answer(.success(()))
      guard !watch.isOver else { return }
      watches.append(watch)
      for change in contents.changes where change.revision >= revision { tell(watch, change) }
    } completion: { [self] (result: Result<Void, SimBusFailure>) in
      if case .failure = result { end(watch) }
    }
    return watch
  }

  private func tell(_ watch: EtcdWatching, _ change: EtcdContents.Change) {
    guard !watch.isOver, !watch.isBroken else { return }
    let arrival = network.push(from: process, to: watch.client, after: watch.lastArrival) {
      watch.client.run { if !watch.isOver { watch.event(change) } }
    }
    if let arrival { watch.lastArrival = arrival } else { end(watch) }
  }

  /// The watch's connection is lost, which its client finds out sooner or later.
  private func end(_ watch: EtcdWatching) {
    watches.removeAll { $0 === watch }
    guard !watch.isOver, !watch.isBroken, watch.client.life == watch.life else { return }
    watch.isBroken = true
    watch.client.after(world.random.span(10 * Span.millisecond...2 * Span.second)) {
      guard !watch.isOver else { return }
      watch.isOver = true
      watch.event(nil)
    }
  }
}

/// A watch under way.
final class EtcdWatching {
  fileprivate let client: SimProcess
  fileprivate let life: UInt64
  fileprivate var event: (EtcdContents.Change?) -> Void
  fileprivate var lastArrival: UInt64 = 0
  /// Nothing comes through it any more.
  fileprivate var isBroken = false
  fileprivate var isOver = false

  fileprivate init(_ client: SimProcess, _ event: @escaping (EtcdContents.Change?) -> Void) {
    self.client = client
    self.event = event
    life = client.life
  }

  /// The client wants to hear no more.
  func cancel() {
    isOver = true
    event = { _ in }
  }
}
