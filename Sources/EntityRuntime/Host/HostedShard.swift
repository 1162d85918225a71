import CloudstateModel

/// A shard that a host serves: its epoch, its lease, its entities. Bound to the host's loop.
///
/// One object lives from ``EntityHost/serve(_:epoch:leaseEnd:)`` until the shard is handed over or given up;
/// entities that outlive it, until their streams have ended, keep it.
final class HostedShard {
  enum Phase {
    case serving
    /// Takes no commands. Ends when the entities are gone.
    case handingOver
  }

  let id: ShardID
  /// Under which batches are submitted. It rises while entities live on.
  var epoch: Epoch
  var phase = Phase.serving
  var lease: AnswerLease
  var entities: [EntityKey: EntityInstance] = [:]
  /// Commands taken since they were last asked for.
  var commandCount: UInt64 = 0
  /// Entities that were told to hand over and are not gone.
  private var leaving = 0
  private var handOvers: [@Sendable () -> Void] = []

  init(_ id: ShardID, epoch: Epoch, leaseEnd: UInt64) {
    self.id = id
    self.epoch = epoch
    lease = AnswerLease(end: leaseEnd)
  }

  func takeCommandCount() -> UInt64 {
    defer { commandCount = 0 }
    return commandCount
  }

  /// Ends the service. `completion` is called when what is in memory now is gone; the shard may be served again
  /// meanwhile.
  func handOver(completion: @escaping @Sendable () -> Void) {
    phase = .handingOver
    handOvers.append(completion)
    let leaving = Array(entities.values)
    for entity in leaving where !entity.isLeaving {
      entity.isLeaving = true
      self.leaving += 1
    }
    for entity in leaving { entity.handOver() }
  }

  /// - Returns: whether the entity was there.
  func remove(_ entity: EntityInstance) -> Bool {
    guard entities[entity.key] === entity else { return false }
    entities.removeValue(forKey: entity.key)
    if entity.isLeaving { leaving -= 1 }
    return true
  }

  /// Takes all entities out.
  func removeAll() -> [EntityInstance] {
    defer { entities.removeAll() }
    leaving = 0
    return Array(entities.values)
  }

  /// Whether hand-overs are done: nothing of what was there is left.
  var hasHandedOver: Bool {
    !handOvers.isEmpty && leaving == 0 && (phase == .serving || lease.held.isEmpty)
  }

  /// Whom to tell that hand-overs are done; each is returned once.
  func takeHandOvers() -> [@Sendable () -> Void] {
    defer { handOvers = [] }
    return handOvers
  }
}
