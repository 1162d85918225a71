import CloudstateModel
import EntityRuntime
import ReplicatedData
import Replication
import ShardStore

/// The copies of one event loop as the entities' instances see them: joins the two modules, which do not know each
/// other.
final class ReplicaShelfPort: ReplicaPort {
  private let shelf: ReplicaShelf

  init(_ shelf: ReplicaShelf) { self.shelf = shelf }

  func open(
    _ entity: EntityKey, changed: @escaping () -> Void,
    completion: @escaping (Result<Void, CommandError>) -> Void
  ) {
    shelf.open(entity, changed: changed) { result in
      completion(result.mapError { CommandError(.recoveryFailed, $0.message) })
    }
  }

  func state(of entity: EntityKey) -> ReplicatedEntityState? { shelf.state(of: entity) }

  var electorate: Electorate { shelf.electorate }

  func update(
    _ entity: EntityKey, _ delta: FunctionDelta, seen: CausalContext,
    consistency: WriteConsistency, progress: @escaping (WriteProgress) -> Void
  ) -> Result<ReplicatedValue, ReplicaRefusal> {
    shelf.update(entity, delta, seen: seen, consistency: consistency) {
      progress(Self.progress($0))
    }.mapError { refusal in
      switch refusal {
      case .deleted: .deleted
      case .refused(let reason): .refused(reason)
      }
    }
  }

  func delete(
    _ entity: EntityKey, consistency: WriteConsistency,
    progress: @escaping (WriteProgress) -> Void
  ) {
    shelf.delete(entity, consistency: consistency) { progress(Self.progress($0)) }
  }

  func close(_ entity: EntityKey) { shelf.close(entity) }

  private static func progress(_ progress: ReplicaShelf.Progress) -> WriteProgress {
    switch progress {
    case .durable: .durable
    case .confirmed: .confirmed
    case .unconfirmed: .unconfirmed
    // The change stays in the copy, and may be on the disk or come there later.
    case .failed(let error): .failed(CommandError(.outcomeUnknown, error.message))
    }
  }
}
