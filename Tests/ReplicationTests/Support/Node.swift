import CloudstateModel
import MessageBus
import NIOCore
import ReplicatedData
import ShardStore
import Synchronization

@testable import Replication

/// One node of a ``Cluster``.
final class Node: Sendable {
  let id: NodeID
  let incarnation: UInt64
  let replica: ReplicaID
  let store: InMemoryShardStore
  let bus: InMemoryMessageBus
  let replicator: Replicator
  private let loops: [any EventLoop]
  private let comparison: Task<Void, any Error>?
  private let changes = Mutex<[EntityKey: Int]>([:])

  init(
    id: NodeID, incarnation: UInt64, replica: ReplicaID, store: InMemoryShardStore,
    bus: InMemoryMessageBus, replicator: Replicator, loops: [any EventLoop], comparing: Bool
  ) {
    self.id = id
    self.incarnation = incarnation
    self.replica = replica
    self.store = store
    self.bus = bus
    self.replicator = replicator
    self.loops = loops
    comparison = comparing ? Task { try await replicator.run() } : nil
  }

  func stop() async {
    bus.shutdown()
    comparison?.cancel()
    await replicator.stop()
  }

  /// What the store holds, so what is durable.
  func stored(_ entity: EntityKey) throws -> ReplicatedEntityState? {
    try ReplicaContent(store.replica(of: entity)).state
  }

  /// How often the entity's instance was told that its copy changed otherwise.
  func changeCount(of entity: EntityKey) -> Int { changes.withLock { $0[entity] ?? 0 } }

  // MARK: As an instance of the entity

  func open(_ entity: EntityKey) async throws {
    try await withShelf(of: entity) { shelf, done in
      shelf.open(
        entity, changed: { self.changes.withLock { $0[entity, default: 0] += 1 } },
        completion: { done($0) })
    }.get()
  }

  func close(_ entity: EntityKey) async {
    await withShelf(of: entity) { shelf, done in
      shelf.close(entity)
      done(())
    }
  }

  /// The copy in memory.
  func state(of entity: EntityKey) async -> ReplicatedEntityState? {
    await withShelf(of: entity) { shelf, done in done(shelf.state(of: entity)) }
  }

  var electorate: Electorate {
    get async { await withShelf(of: entity("any")) { shelf, done in done(shelf.electorate) } }
  }

  /// Makes a change and waits until it has come as far as asked for; answers how that ended.
  @discardableResult
  func change(
    _ entity: EntityKey, _ delta: FunctionDelta, _ consistency: WriteConsistency = .local
  ) async -> String {
    await withShelf(of: entity) { shelf, done in
      Self.change(entity, delta, consistency, at: shelf, completion: done)
    }
  }

  /// The same without waiting. `completion` may never be called, if the node crashes.
  func submit(
    _ entity: EntityKey, _ delta: FunctionDelta, _ consistency: WriteConsistency = .local,
    completion: @escaping @Sendable (String) -> Void = { _ in }
  ) async {
    await withShelf(of: entity) { shelf, done in
      Self.change(entity, delta, consistency, at: shelf, completion: completion)
      done(())
    }
  }

  @discardableResult
  func delete(_ entity: EntityKey, _ consistency: WriteConsistency = .local) async -> String {
    await withShelf(of: entity) { shelf, done in
      shelf.delete(entity, consistency: consistency) {
        if let end = Self.end($0, of: consistency) { done(end) }
      }
    }
  }

  private static func change(
    _ entity: EntityKey, _ delta: FunctionDelta, _ consistency: WriteConsistency,
    at shelf: ReplicaShelf, completion: @escaping @Sendable (String) -> Void
  ) {
    var seen = CausalContext()
    if case .live(let value) = shelf.state(of: entity) { seen = value.context }
    let result = shelf.update(entity, delta, seen: seen, consistency: consistency) {
      if let end = end($0, of: consistency) { completion(end) }
    }
    switch result {
    case .success: break
    case .failure(.deleted): completion("deleted")
    case .failure(.refused(let reason)): completion("refused: \(reason)")
    }
  }

  private static func end(
    _ progress: ReplicaShelf.Progress, of consistency: WriteConsistency
  ) -> String? {
    switch progress {
    case .durable: consistency == .local ? "durable" : nil
    case .confirmed: "confirmed"
    case .unconfirmed: "unconfirmed"
    case .failed(let error): "failed: \(error.code.rawValue)"
    }
  }

  private func withShelf<Answer: Sendable>(
    of entity: EntityKey,
    _ body: @escaping @Sendable (ReplicaShelf, @escaping @Sendable (Answer) -> Void) -> Void
  ) async -> Answer {
    let index = entity.loopIndex(of: loops.count)
    let shelf = replicator.shelves[index]
    return await withCheckedContinuation { continuation in
      loops[index].execute { body(shelf.value) { continuation.resume(returning: $0) } }
    }
  }
}
