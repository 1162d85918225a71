package import CloudstateModel
import Logging
import MessageBus
import NIOCore
import NIOPosix
package import ReplicatedData
import ShardStore

/// The copies of the entities of one event loop: in memory while someone works with them, else in the store only.
/// Not `Sendable`: only its loop may touch it.
///
/// A change is made in memory, written to the store, and sent to the other nodes once it is durable here: what
/// others know of this node's changes, it cannot forget. What comes from others is confirmed once it is durable.
package final class ReplicaShelf {
  let eventLoop: any EventLoop
  let configuration: ReplicationConfiguration
  let bus: any MessageBus
  private let store: any ShardStore
  private let reader: NIOThreadPool
  private let board: DigestBoard
  private let logger: Logger
  private let sink: ShelfCommitSink
  /// The members, as last told.
  var members: ReplicaMembers
  /// Since when each is one; by node and incarnation.
  private var joined: [ReplicaMembers.Peer.Life: NIODeadline] = [:]

  private var copies: [EntityKey: ReplicaCopy] = [:]
  private var dirty: [ReplicaCopy] = []
  private var pending: [UInt64: PendingWrite] = [:]
  private var lastToken: UInt64 = 0
  /// Why nothing can be stored any more.
  private var failure: StoreError?

  /// A change on its way to the disk.
  private struct PendingWrite {
    let copy: ReplicaCopy
    /// What to tell the other nodes, where it is a change of this one.
    let change: ReplicatedEntityState?
    let completion: (Result<Void, StoreError>) -> Void
  }

  init(
    eventLoop: any EventLoop, configuration: ReplicationConfiguration, members: ReplicaMembers,
    bus: any MessageBus, store: any ShardStore, reader: NIOThreadPool, board: DigestBoard,
    logger: Logger
  ) {
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.members = members
    self.bus = bus
    self.store = store
    self.reader = reader
    self.board = board
    self.logger = logger
    self.sink = ShelfCommitSink(eventLoop: eventLoop)
    sink.shelf = NIOLoopBound(self, eventLoop: eventLoop)
  }

  // MARK: Copies

  /// The copy of an entity that someone holds.
  package func state(of entity: EntityKey) -> ReplicatedEntityState? { copies[entity]?.state }

  package var electorate: Electorate { members.electorate }

  /// Brings a copy into memory. `completion` is called exactly once, maybe before the call returns.
  func load(
    _ entity: EntityKey, completion: @escaping (Result<ReplicaCopy, StoreError>) -> Void
  ) {
    let copy = copies[entity] ?? ReplicaCopy(entity: entity)
    copy.lastUse = NIODeadline.now().uptimeNanoseconds
    guard copy.waiting != nil else { return completion(.success(copy)) }
    copy.waiting?.append { completion($0.map { copy }) }
    guard copies.updateValue(copy, forKey: entity) == nil else { return }
    let store = store
    reader.runIfActive(eventLoop: eventLoop) { () -> Result<ReplicaContent, StoreError> in
      Result { () throws(StoreError) in try ReplicaContent(store.replica(of: entity)) }
    }.assumeIsolated().whenComplete { result in
      let content: Result<ReplicaContent, StoreError>
      switch result {
      case .success(let read): content = read
      case .failure: content = .failure(StoreError(.closed, "the node is stopping"))
      }
      let waiting = copy.waiting ?? []
      copy.waiting = nil
      switch content {
      case .success(let content): copy.loaded(content)
      case .failure: self.copies[entity] = nil
      }
      for waiter in waiting { waiter(content.map { _ in }) }
    }
  }

  /// Keeps a copy that is in memory there, for an instance.
  func hold(_ copy: ReplicaCopy, changed: @escaping () -> Void) {
    copy.isHeld = true
    copy.changed = changed
  }

  /// The copy of an entity whose instance is active.
  func held(_ entity: EntityKey) -> ReplicaCopy? {
    guard let copy = copies[entity], copy.isHeld, copy.waiting == nil else { return nil }
    return copy
  }

  /// The entity's instance is gone.
  package func close(_ entity: EntityKey) {
    copies[entity]?.isHeld = false
    copies[entity]?.changed = nil
  }

  // MARK: Changes

  /// Why a change of this size cannot be made now.
  func refusal(of copy: ReplicaCopy) -> String? {
    if let failure { return failure.message }
    if pending.count >= configuration.pendingWrites {
      return "\(pending.count) changes already wait for the disk"
    }
    guard copy.approximateBytes > configuration.maximumCopyBytes else { return nil }
    // It may be the changes that take the room.
    if copy.hasDeltas { write(copy.wholeWrite(), of: copy, change: nil) { _ in } }
    guard copy.approximateBytes > configuration.maximumCopyBytes else { return nil }
    return "the value takes \(copy.approximateBytes) bytes, and at most "
      + "\(configuration.maximumCopyBytes) are allowed; spread it over several entities"
  }

  /// Stores a change of this node that has been made in a copy, and passes it on where `isAnnounced`.
  func store(
    _ change: ReplicatedEntityState, of copy: ReplicaCopy, isAnnounced: Bool,
    completion: @escaping (Result<Void, StoreError>) -> Void
  ) {
    markDirty(copy)
    write(
      copy.write(for: change.encoded()), of: copy, change: isAnnounced ? change : nil,
      completion: completion)
  }

  /// Takes in a change that another node has made. `completion` is called when it is durable here.
  func merge(
    _ change: ReplicatedEntityState, encoded: [UInt8], into copy: ReplicaCopy,
    completion: @escaping (Result<Void, StoreError>) -> Void
  ) {
    if let failure { return completion(.failure(failure)) }
    if copy.state == nil { copy.state = change } else { copy.state?.merge(change) }
    markDirty(copy)
    write(copy.write(for: encoded), of: copy, change: nil, completion: completion)
    copy.changed?()
  }

  /// Takes in another node's whole copy, of which most is known already.
  func merge(
    whole other: ReplicatedEntityState, into copy: ReplicaCopy,
    completion: @escaping (Result<Void, StoreError>) -> Void
  ) {
    if let failure { return completion(.failure(failure)) }
    let merged = copy.state?.merging(other) ?? other
    guard merged != copy.state else { return completion(.success(())) }
    copy.state = merged
    markDirty(copy)
    write(copy.wholeWrite(), of: copy, change: nil, completion: completion)
    copy.changed?()
  }

  private func write(
    _ write: ReplicaWrite, of copy: ReplicaCopy, change: ReplicatedEntityState?,
    completion: @escaping (Result<Void, StoreError>) -> Void
  ) {
    lastToken += 1
    copy.pendingWrites += 1
    copy.lastToken = lastToken
    if case .whole = write.change { copy.lastWholeToken = lastToken }
    pending[lastToken] = PendingWrite(copy: copy, change: change, completion: completion)
    store.submit(write, token: lastToken, to: sink)
  }

  /// Calls back once everything that the copy holds now is durable. Nothing else may leave this node: after a
  /// crash it would give the number of a forgotten change to another one.
  func whenDurable(
    _ copy: ReplicaCopy, _ action: @escaping (Result<Void, StoreError>) -> Void
  ) {
    if copy.needsWholeWrite {
      return action(
        .failure(failure ?? StoreError(.overloaded, "the copy waits to be written again")))
    }
    if copy.pendingWrites == 0 {
      action(.success(()))
    } else {
      copy.barriers.append((copy.lastToken, action))
    }
  }

  func completed(_ outcomes: [CommitOutcome]) {
    var changes: [EntityKey: ReplicatedEntityState] = [:]
    for outcome in outcomes {
      guard let written = pending.removeValue(forKey: outcome.token) else { continue }
      written.copy.pendingWrites -= 1
      switch outcome.result {
      case .success:
        if outcome.token == written.copy.lastWholeToken { written.copy.wholeIsStored() }
        if let change = written.change {
          // Several changes of one entity in one sync go out as one.
          let entity = written.copy.entity
          if changes[entity] == nil {
            changes[entity] = change
          } else {
            changes[entity]?.merge(change)
          }
        }
        written.completion(.success(()))
      case .failure(let error):
        writeFailed(error, of: written.copy)
        written.completion(.failure(error))
      }
      passBarriers(of: written.copy, upTo: outcome)
    }
    for (entity, change) in changes { announce(change.encoded(), of: entity) }
  }

  private func passBarriers(of copy: ReplicaCopy, upTo outcome: CommitOutcome) {
    while let first = copy.barriers.first, first.token <= outcome.token {
      copy.barriers.removeFirst()
      first.action(outcome.result.map { _ in })
    }
  }

  private func writeFailed(_ error: StoreError, of copy: ReplicaCopy) {
    copy.needsWholeWrite = true
    markDirty(copy)
    guard error.code != .overloaded else { return }
    if failure == nil {
      logger.error("replicated entities cannot be changed any more: \(error.message)")
    }
    failure = error
  }

  private func announce(_ change: [UInt8], of entity: EntityKey) {
    guard !members.peers.isEmpty else { return }
    let payload = ReplicationCodec.change(entity, change)
    bus.publish(.replicas(of: configuration.service, .delta), payload: payload)
    let now = NIODeadline.now()
    for peer in members.peers {
      guard let since = joined[peer.life], now - since < configuration.linkTime else { continue }
      // Whatever comes of it: if this gets lost, too, the comparison of copies finds it.
      bus.request(
        .replicas(of: configuration.service, .write), payload: payload, to: peer.node,
        timeout: configuration.writeTimeout, on: eventLoop
      ) { _ in }
    }
  }

  // MARK: Time

  private func markDirty(_ copy: ReplicaCopy) {
    guard !copy.isDirty else { return }
    copy.isDirty = true
    dirty.append(copy)
  }

  /// Brings the digest board up to date, writes again what was refused, and lets go of copies that nobody has
  /// used for `idleTime`.
  func tidy(idleTime: TimeAmount) {
    let changed = dirty
    dirty.removeAll()
    for copy in changed {
      copy.isDirty = false
      let digest = copy.state?.digest ?? 0
      board.replace(copy.entity, copy.countedDigest, by: digest)
      copy.countedDigest = digest
      if copy.needsWholeWrite, failure == nil {
        write(copy.wholeWrite(), of: copy, change: nil) { _ in }
      }
    }
    let now = NIODeadline.now()
    let idle = copies.values.filter { copy in
      !copy.isHeld && copy.waiting == nil && copy.pendingWrites == 0 && !copy.isDirty
        && !copy.needsWholeWrite
        && now - NIODeadline.uptimeNanoseconds(copy.lastUse) >= idleTime
    }
    for copy in idle { copies[copy.entity] = nil }
  }

  /// The members changed: votes may count otherwise.
  func membersChanged(_ members: ReplicaMembers) {
    self.members = members
    let now = NIODeadline.now()
    joined = Dictionary(
      members.peers.map { ($0.life, joined[$0.life] ?? now) }, uniquingKeysWith: { $1 })
    for copy in copies.values { copy.changed?() }
  }

  /// The loop is about to end.
  func detach() { sink.shelf = nil }
}

/// Hands commit outcomes from the committer thread to the shelf's loop, one hop per sync.
final class ShelfCommitSink: CommitSink, @unchecked Sendable {
  // `shelf` is set before the sink is given to any store, and afterwards touched only on its loop.
  let eventLoop: any EventLoop
  var shelf: NIOLoopBound<ReplicaShelf>?

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func completed(_ outcomes: [CommitOutcome]) {
    eventLoop.execute { self.shelf?.value.completed(outcomes) }
  }
}
