import CloudstateModel
package import Logging
package import MessageBus
package import NIOCore
package import NIOPosix
package import ReplicatedData
package import ShardStore
import Synchronization

/// The copies of replicated entities on one node, and what keeps those of all nodes in step (design section 7):
///
/// * changes are published, and may be lost;
/// * changes with a higher consistency go to each node as a request that it confirms;
/// * each node tells now and then what its copies come to, and compares and fetches where others differ.
///
/// May be used from any thread.
package final class Replicator: Sendable {
  let configuration: ReplicationConfiguration
  let bus: any MessageBus
  let store: any ShardStore
  let reader: NIOThreadPool
  let board: DigestBoard
  let logger: Logger
  let loops: [any EventLoop]
  /// In the order of the loops.
  package let shelves: [NIOLoopBound<ReplicaShelf>]
  private let members: Mutex<ReplicaMembers>
  private let subscriptions = Mutex<[Subscription]>([])
  private let agenda: Mutex<ComparisonAgenda>
  private let wakeups: AsyncStream<Void>
  private let wake: AsyncStream<Void>.Continuation

  /// Opens the copies in the store and begins to take part. All of them are read once, for their digests.
  ///
  /// - Parameters:
  ///   - replica: the name under which this node makes changes.
  ///   - reader: threads on which the store is read.
  /// - Throws: ``StoreError`` if a copy cannot be read or trusted.
  package static func start(
    configuration: ReplicationConfiguration, replica: ReplicaID, bus: any MessageBus,
    store: any ShardStore, reader: NIOThreadPool, loops: [any EventLoop], logger: Logger
  ) async throws -> Replicator {
    let board = DigestBoard()
    try await reader.runIfActive {
      for bucket in ReplicaBucket.all {
        for stored in try store.replicas(in: bucket) {
          board.replace(stored.entity, 0, by: try ReplicaContent(stored).digest)
        }
      }
    }
    let members = ReplicaMembers(replica: replica)
    var shelves: [NIOLoopBound<ReplicaShelf>] = []
    for loop in loops {
      shelves.append(
        try await loop.submit {
          NIOLoopBound(
            ReplicaShelf(
              eventLoop: loop, configuration: configuration, members: members, bus: bus,
              store: store, reader: reader, board: board, logger: logger),
            eventLoop: loop)
        }.get())
    }
    let replicator = Replicator(
      configuration: configuration, members: members, bus: bus, store: store, reader: reader,
      board: board, loops: loops, shelves: shelves, logger: logger)
    replicator.serve()
    return replicator
  }

  private init(
    configuration: ReplicationConfiguration, members: ReplicaMembers, bus: any MessageBus,
    store: any ShardStore, reader: NIOThreadPool, board: DigestBoard, loops: [any EventLoop],
    shelves: [NIOLoopBound<ReplicaShelf>], logger: Logger
  ) {
    self.configuration = configuration
    self.members = Mutex(members)
    self.bus = bus
    self.store = store
    self.reader = reader
    self.board = board
    self.loops = loops
    self.shelves = shelves
    self.logger = logger
    agenda = Mutex(ComparisonAgenda(interval: configuration.compareInterval))
    (wakeups, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Runs on the loop of an entity's copy.
  func withShelf(
    of entity: EntityKey, _ body: @escaping @Sendable (ReplicaShelf) -> Void
  ) {
    let index = entity.loopIndex(of: loops.count)
    let shelf = shelves[index]
    loops[index].execute { body(shelf.value) }
  }

  // MARK: Members

  /// The other nodes of the service are these from now on.
  package func setPeers(_ peers: [ReplicaMembers.Peer]) {
    let fresh = members.withLock { members in
      defer { tellShelves(members) }
      return members.become(peers)
    }
    for node in fresh { plan(node, isUrgent: true) }
  }

  var currentMembers: ReplicaMembers { members.withLock { $0 } }

  func learn(_ name: ReplicaID, of node: NodeID) {
    members.withLock { members in
      if members.learn(name, of: node) { tellShelves(members) }
    }
  }

  /// Called with the lock held, so that the last the loops hear of is how it is.
  private func tellShelves(_ members: ReplicaMembers) {
    for (loop, shelf) in zip(loops, shelves) {
      loop.execute { shelf.value.membersChanged(members) }
    }
  }

  // MARK: Serving others

  private func serve() {
    let service = configuration.service
    let gaps = PublicationGaps()
    subscriptions.withLock { subscriptions in
      subscriptions = [
        bus.subscribe(SubjectPattern(.replicas(of: service, .delta)), queueGroup: nil) { [self] in
          if gaps.isGap(before: $0) { plan($0.source, isUrgent: true) }
          takeChange($0)
        },
        bus.subscribe(SubjectPattern(.replicas(of: service, .summary)), queueGroup: nil) {
          [self] in takeSummary($0)
        },
        bus.serve(SubjectPattern(.replicas(of: service, .write))) { [self] in confirm($0) },
        bus.serve(SubjectPattern(.replicas(of: service, .read))) { [self] in read($0) },
        bus.serve(SubjectPattern(.replicas(of: service, .compare))) { [self] in compare($0) },
      ]
    }
  }

  private func takeChange(_ publication: Publication) {
    guard publication.source != bus.nodeID else { return }
    guard let change = ReplicationCodec.change(publication.payload) else {
      logger.warning("node \(publication.source) sent a change in a form unknown to this one")
      return
    }
    withShelf(of: change.entity) { shelf in
      shelf.load(change.entity) { copy in
        guard case .success(let copy) = copy else { return }
        shelf.merge(change.state, encoded: change.bytes, into: copy) { _ in }
      }
    }
  }

  private func takeSummary(_ publication: Publication) {
    guard publication.source != bus.nodeID,
      let summary = ReplicationCodec.summary(publication.payload)
    else { return }
    learn(summary.replica, of: publication.source)
    if summary.digest != board.summary { plan(publication.source, isUrgent: false) }
  }

  /// Stores another node's change and says so.
  private func confirm(_ request: BusRequest) {
    guard let change = ReplicationCodec.change(request.payload) else {
      return request.answer(.failure(.unreadable(by: bus.nodeID)))
    }
    withShelf(of: change.entity) { shelf in
      shelf.load(change.entity) { copy in
        switch copy {
        case .failure(let error): request.answer(.failure(BusError(.rejected, error.message)))
        case .success(let copy):
          shelf.merge(change.state, encoded: change.bytes, into: copy) { result in
            request.answer(
              result.map { ByteBuffer() }.mapError { BusError(.rejected, $0.message) })
          }
        }
      }
    }
  }

  private func read(_ request: BusRequest) {
    guard let entity = ReplicationCodec.readRequest(request.payload) else {
      return request.answer(.failure(.unreadable(by: bus.nodeID)))
    }
    withShelf(of: entity) { shelf in
      shelf.load(entity) { copy in
        switch copy {
        case .failure(let error): request.answer(.failure(BusError(.rejected, error.message)))
        case .success(let copy):
          let answer = ReplicationCodec.readAnswer(copy.state)
          shelf.whenDurable(copy) { result in
            request.answer(result.map { answer }.mapError { BusError(.rejected, $0.message) })
          }
        }
      }
    }
  }

  private func compare(_ request: BusRequest) {
    switch ReplicationCodec.comparison(request.payload) {
    case .buckets:
      request.answer(
        .success(
          ReplicationCodec.bucketDigests(board.all, of: currentMembers.replica)))
    case .bucket(let bucket):
      reader.submit { [self] _ in
        do {
          request.answer(.success(ReplicationCodec.replicaDigests(try storedDigests(in: bucket))))
        } catch {
          request.answer(.failure(BusError(.rejected, "\(error)")))
        }
      }
    case nil: request.answer(.failure(.unreadable(by: bus.nodeID)))
    }
  }

  /// The digests of all entities of a bucket. Blocks on the disk.
  func storedDigests(in bucket: ReplicaBucket) throws -> [EntityKey: UInt64] {
    var digests: [EntityKey: UInt64] = [:]
    for stored in try store.replicas(in: bucket) {
      digests[stored.entity] = try ReplicaContent(stored).digest
    }
    return digests
  }

  // MARK: Keeping in step

  /// Tells the other nodes what the copies here come to, and compares with those that differ, until the task is
  /// cancelled.
  package func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await self.summarize() }
      group.addTask {
        for await _ in self.wakeups {
          while let node = self.agenda.withLock({ $0.next(now: .now()) }) {
            await self.synchronize(with: node)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  private func summarize() async throws {
    let interval = Duration.nanoseconds(configuration.summaryInterval.nanoseconds)
    while true {
      try await Task.sleep(for: interval)
      try await tidy()
      let members = currentMembers
      guard !members.peers.isEmpty else { continue }
      bus.publish(
        .replicas(of: configuration.service, .summary),
        payload: ReplicationCodec.summary(members.replica, board.summary))
      // What was not due before may be now.
      wake.yield()
    }
  }

  /// The copies of a node have to be compared with those here.
  func plan(_ node: NodeID, isUrgent: Bool) {
    agenda.withLock { $0.add(node, isUrgent: isUrgent) }
    if isUrgent { wake.yield() }
  }

  /// Brings the digest board up to date.
  func tidy() async throws {
    let idleTime = configuration.summaryInterval * 5
    for (loop, shelf) in zip(loops, shelves) {
      try await loop.submit { shelf.value.tidy(idleTime: idleTime) }.get()
    }
  }

  /// Takes part no longer. Changes under way are given to the store, which outlives this.
  package func stop() async {
    for subscription in subscriptions.withLock({ $0 }) { subscription.cancel() }
    wake.finish()
    for (loop, shelf) in zip(loops, shelves) {
      try? await loop.submit { shelf.value.detach() }.get()
    }
  }
}

extension ReplicaBucket {
  static var all: [ReplicaBucket] { (0..<count).compactMap { ReplicaBucket($0) } }
}

extension BusError {
  fileprivate static func unreadable(by node: NodeID) -> BusError {
    BusError(.rejected, "node \(node) does not understand the request; are versions mixed?")
  }
}

/// Sees where publications of a node went missing. Used by the bus thread; any thread may.
private final class PublicationGaps: Sendable {
  private let last = Mutex<[NodeID: UInt64]>([:])

  func isGap(before publication: Publication) -> Bool {
    last.withLock { last in
      defer { last[publication.source] = publication.sequence }
      guard let previous = last[publication.source] else { return false }
      return publication.sequence != previous &+ 1
    }
  }
}
