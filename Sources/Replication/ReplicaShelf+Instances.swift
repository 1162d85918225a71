package import CloudstateModel
import MessageBus
import NIOCore
package import ReplicatedData
package import ShardStore

/// What the instances of replicated entities ask of their copies.
extension ReplicaShelf {
  /// How far a change has come.
  package enum Progress: Sendable {
    /// Durable here.
    case durable
    /// Durable on as many nodes as asked for.
    case confirmed
    case unconfirmed
    case failed(StoreError)
  }

  /// Why a change was not made.
  package enum Refusal: Error, Sendable {
    case deleted
    case refused(String)
  }

  /// Brings a copy into memory and into step with a majority of the nodes, as far as they answer in time, and
  /// keeps it there until ``close(_:)``. `completion` is called exactly once, maybe before the call returns.
  package func open(
    _ entity: EntityKey, changed: @escaping () -> Void,
    completion: @escaping (Result<Void, StoreError>) -> Void
  ) {
    load(entity) { result in
      switch result {
      case .failure(let error): completion(.failure(error))
      case .success(let copy):
        self.hold(copy, changed: changed)
        self.readFromMajority(entity) { completion(.success(())) }
      }
    }
  }

  private func readFromMajority(_ entity: EntityKey, completion: @escaping () -> Void) {
    let needed = members.confirmations(for: .majority)
    let peers = members.peers.filter(\.isAlive).map(\.node)
    // Without a majority there is no sense in waiting: the copy here is what there is.
    guard needed > 0, peers.count >= needed else { return completion() }
    var waiting: (() -> Void)? = completion
    var answered = 0
    var failed = 0
    func finish() {
      let completion = waiting
      waiting = nil
      completion?()
    }
    for peer in peers {
      read(entity, from: peer) { isAnswered in
        if isAnswered { answered += 1 } else { failed += 1 }
        if answered >= needed || peers.count - failed < needed { finish() }
      }
    }
  }

  /// Merges another node's copy. Answers whether there was an answer.
  private func read(
    _ entity: EntityKey, from node: NodeID, completion: @escaping (Bool) -> Void
  ) {
    let bound = NIOLoopBound((self, completion), eventLoop: eventLoop)
    bus.request(
      .replicas(of: configuration.service, .read), payload: ReplicationCodec.readRequest(entity),
      to: node, timeout: configuration.readTimeout, on: eventLoop
    ) { result in
      let (shelf, completion) = bound.value
      guard case .success(let answer) = result else { return completion(false) }
      switch ReplicationCodec.readAnswer(answer) {
      case .unreadable: completion(false)
      case .none: completion(true)
      case .copy(let state):
        // The copy that was opened may have been let go of meanwhile.
        shelf.load(entity) { copy in
          if case .success(let copy) = copy { shelf.merge(whole: state, into: copy) { _ in } }
          completion(true)
        }
      }
    }
  }

  /// Makes a change in a copy that is held; creates it if there is none. `progress` is called later, on this
  /// loop, and not at all if the change was refused.
  ///
  /// - Returns: the change as other nodes get it.
  package func update(
    _ entity: EntityKey, _ delta: FunctionDelta, seen: CausalContext,
    consistency: WriteConsistency, progress: @escaping (Progress) -> Void
  ) -> Result<ReplicatedValue, Refusal> {
    guard let copy = held(entity) else {
      return .failure(.refused("the copy of \(entity) is not in memory"))
    }
    if let refusal = refusal(of: copy) { return .failure(.refused(refusal)) }
    var value: ReplicatedValue
    switch copy.state {
    case .deleted: return .failure(.deleted)
    case .live(let existing): value = existing
    case nil: value = ReplicatedValue(delta.kind)
    }
    let isNew = copy.state == nil
    // The value must have one owner while it changes, or it is copied as a whole.
    copy.state = nil
    let change: ReplicatedValue
    do throws(ReplicatedDataError) {
      change = try value.apply(
        delta, replica: members.replica, now: configuration.now(), seen: seen)
    } catch {
      // A refused change leaves the value as it was.
      if !isNew { copy.state = .live(value) }
      return .failure(.refused("\(error)"))
    }
    copy.state = .live(value)
    propagate(.live(change), of: copy, consistency: consistency, progress: progress)
    return .success(change)
  }

  /// Deletes an entity for good.
  package func delete(
    _ entity: EntityKey, consistency: WriteConsistency, progress: @escaping (Progress) -> Void
  ) {
    guard let copy = held(entity) else { return }
    copy.state = .deleted
    propagate(.deleted, of: copy, consistency: consistency, progress: progress)
  }

  private func propagate(
    _ change: ReplicatedEntityState, of copy: ReplicaCopy, consistency: WriteConsistency,
    progress: @escaping (Progress) -> Void
  ) {
    store(change, of: copy, isAnnounced: consistency == .local) { result in
      if case .failure(let error) = result { return progress(.failed(error)) }
      progress(.durable)
      guard consistency != .local else { return }
      self.confirm(change, of: copy.entity, consistency: consistency) { isConfirmed in
        progress(isConfirmed ? .confirmed : .unconfirmed)
      }
    }
  }

  // MARK: Confirmation by other nodes

  private func confirm(
    _ change: ReplicatedEntityState, of entity: EntityKey, consistency: WriteConsistency,
    completion: @escaping (Bool) -> Void
  ) {
    let peers = members.peers.map(\.node)
    let round = Confirmation(
      ConfirmationRound(needed: members.confirmations(for: consistency), peers: peers),
      payload: ReplicationCodec.change(entity, change.encoded()), shelf: self,
      completion: completion)
    round.start(asking: peers)
  }
}

/// One change on its way to the other nodes: the shell of a ``ConfirmationRound``. Loop-bound.
private final class Confirmation {
  private var round: ConfirmationRound
  private let payload: ByteBuffer
  private let shelf: ReplicaShelf
  private let deadline: NIODeadline
  private var completion: ((Bool) -> Void)?
  private var timer: Scheduled<Void>?

  init(
    _ round: ConfirmationRound, payload: ByteBuffer, shelf: ReplicaShelf,
    completion: @escaping (Bool) -> Void
  ) {
    self.round = round
    self.payload = payload
    self.shelf = shelf
    self.completion = completion
    deadline = .now() + shelf.configuration.writeTimeout
  }

  /// Every node gets the change, also those whose confirmation is not needed.
  func start(asking peers: [NodeID]) {
    for peer in peers { ask(peer) }
    if round.isReached { return finish(true) }
    let bound = NIOLoopBound(self, eventLoop: shelf.eventLoop)
    timer = shelf.eventLoop.scheduleTask(deadline: deadline) { bound.value.finish(false) }
  }

  private func ask(_ peer: NodeID) {
    let bound = NIOLoopBound(self, eventLoop: shelf.eventLoop)
    let remaining = max(.milliseconds(1), deadline - .now())
    shelf.bus.request(
      .replicas(of: shelf.configuration.service, .write), payload: payload, to: peer,
      timeout: remaining, on: shelf.eventLoop
    ) { result in
      switch result {
      case .success: bound.value.take(bound.value.confirmed(peer))
      case .failure: bound.value.take(bound.value.round.failed(at: peer))
      }
    }
  }

  private func confirmed(_ peer: NodeID) -> ConfirmationRound.Step { round.confirmed(by: peer) }

  private func take(_ step: ConfirmationRound.Step) {
    switch step {
    case .wait: break
    case .reached: finish(true)
    case .retry(let peer):
      let next = NIODeadline.now() + shelf.configuration.retryDelay
      guard completion != nil, next < deadline else { return }
      let bound = NIOLoopBound(self, eventLoop: shelf.eventLoop)
      shelf.eventLoop.scheduleTask(deadline: next) {
        if bound.value.completion != nil { bound.value.ask(peer) }
      }
    }
  }

  private func finish(_ isConfirmed: Bool) {
    timer?.cancel()
    let completion = completion
    self.completion = nil
    completion?(isConfirmed)
  }
}
