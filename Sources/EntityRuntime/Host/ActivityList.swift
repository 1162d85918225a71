/// The active entities of one event loop, least recently used first: an intrusive doubly linked list, so that
/// a touch costs nothing that grows with the number of entities.
struct ActivityList<Entity: HostedEntity> {
  private(set) var oldest: Entity?
  private var newest: Entity?

  mutating func append(_ entity: Entity) {
    entity.isListed = true
    entity.previous = newest
    entity.next = nil
    newest?.next = entity
    newest = entity
    if oldest == nil { oldest = entity }
  }

  /// One that is no longer in the list stays out.
  mutating func remove(_ entity: Entity) {
    guard entity.isListed else { return }
    if let previous = entity.previous {
      previous.next = entity.next
    } else {
      oldest = entity.next
    }
    if let next = entity.next {
      next.previous = entity.previous
    } else {
      newest = entity.previous
    }
    entity.previous = nil
    entity.next = nil
    entity.isListed = false
  }

  /// Makes an entity the most recently used. One that is no longer in the list stays out.
  mutating func touch(_ entity: Entity) {
    guard entity.isListed, newest !== entity else { return }
    remove(entity)
    append(entity)
  }
}
