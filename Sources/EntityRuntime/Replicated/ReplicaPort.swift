package import CloudstateModel
package import ReplicatedData

/// This node's copies of replicated entities as one event loop sees them: what the entities' instances need of
/// the replication. Called on that loop only, and answers there.
package protocol ReplicaPort: AnyObject {
  /// Brings an entity's copy into step with a majority of the nodes, as far as they answer in time, and holds it
  /// until ``close(_:)``.
  ///
  /// - Parameters:
  ///   - changed: called from then on, after the copy changed in other ways than by ``update(_:_:seen:consistency:progress:)``
  ///     and ``delete(_:consistency:progress:)``, or the members did.
  ///   - completion: called exactly once, maybe before the call returns.
  func open(
    _ entity: EntityKey, changed: @escaping () -> Void,
    completion: @escaping (Result<Void, CommandError>) -> Void)

  /// The copy of an open entity; `nil` while there is none.
  func state(of entity: EntityKey) -> ReplicatedEntityState?

  /// Who votes, as seen from this node.
  var electorate: Electorate { get }

  /// Makes a change in an open entity's copy, at once, and creates the copy if there is none.
  ///
  /// - Parameters:
  ///   - seen: as of ``ReplicatedValue/apply(_:replica:now:seen:)``.
  ///   - progress: called later; not at all if the change was refused.
  /// - Returns: the change as other nodes get it.
  func update(
    _ entity: EntityKey, _ delta: FunctionDelta, seen: CausalContext,
    consistency: WriteConsistency, progress: @escaping (WriteProgress) -> Void
  ) -> Result<ReplicatedValue, ReplicaRefusal>

  /// Deletes an open entity for good.
  func delete(
    _ entity: EntityKey, consistency: WriteConsistency,
    progress: @escaping (WriteProgress) -> Void)

  /// The entity's instance is gone.
  func close(_ entity: EntityKey)
}

/// How far a change has come.
package enum WriteProgress: Sendable {
  /// It is durable here. Always first, in the order of the changes.
  case durable
  /// It is durable on as many nodes as asked for. Not for ``WriteConsistency/local``.
  case confirmed
  /// Not as many nodes as asked for have confirmed it in time. It is durable here and will reach the others.
  /// Not for ``WriteConsistency/local``.
  case unconfirmed
  /// It could not be made durable.
  case failed(CommandError)
}

/// Why a change was not made.
package enum ReplicaRefusal: Error, Hashable, Sendable {
  /// The entity was deleted, here or elsewhere.
  case deleted
  /// For the user function.
  case refused(String)
}
