public import SwiftProtobuf

/// Saves the state as a message and restores it, so that an activation need not replay every event.
/// How often is said by ``EventSourcedEntity/snapshotEvery``.
public struct Snapshots<Entity: EventSourcedEntity>: Sendable {
  /// Encodes the state.
  let save: @Sendable (Entity) throws(EntityFault) -> Google_Protobuf_Any
  /// Makes the state out of a stored snapshot.
  let restore: @Sendable (Google_Protobuf_Any) throws(EntityFault) -> Entity

  /// Saves and restores by two closures; `restore` gets a fresh entity to fill.
  public init<Snapshot: Message>(
    save: @escaping @Sendable (Entity) -> Snapshot,
    restore: @escaping @Sendable (inout Entity, Snapshot) -> Void
  ) {
    let codec = MessageCodec<Snapshot>()
    self.save = { (entity) throws(EntityFault) in try codec.pack(save(entity)) }
    self.restore = { (payload) throws(EntityFault) in
      var entity = Entity()
      restore(&entity, try codec.unpack(payload))
      return entity
    }
  }

  /// For a state that is one message: saves the property and sets it back.
  public init<Snapshot: Message>(_ property: any WritableKeyPath<Entity, Snapshot> & Sendable) {
    self.init(
      save: { $0[keyPath: property] },
      restore: { $0[keyPath: property] = $1 })
  }
}
